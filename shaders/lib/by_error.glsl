// offers   vec3 overlay(Surface s, vec3 color)   the color of an error alone, none before the tile is measured; and
//          all of overlay_value.glsl and errors.glsl
// needs    float overlay_value(Surface s), which the overlay's file goes on to define

#include "lib/overlay_value.glsl"
#include "lib/errors.glsl"

float overlay_value(Surface s);

vec3 overlay(Surface s, vec3 color)
{
    return s.measured ? tinted(s, color, overlay_value(s)) : color;
}
