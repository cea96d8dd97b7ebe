// Slope in degrees (neural/morphometry.py).

#include "lib/overlay_value.glsl"

float overlay_value(Surface s)
{
    return degrees(atan(length(s.gradient)));
}

vec3 overlay(Surface s, vec3 colour)
{
    return tinted(s, colour, overlay_value(s));
}
