// offers   vec3 overlay(Surface s, vec3 color)   the color of the number alone; and all of overlay_value.glsl
// needs    float overlay_value(Surface s), which the overlay's file goes on to define

#include "lib/overlay_value.glsl"

float overlay_value(Surface s);

vec3 overlay(Surface s, vec3 color)
{
    return tinted(s, color, overlay_value(s));
}
