// Cells whose error is beyond the tolerance, in a loud colour over grey relief: the value is 1 there and 0 elsewhere.

#include "lib/overlay_value.glsl"
#include "lib/errors.glsl"

uniform float u_tolerance_m;
uniform vec3 u_mask_colour;
uniform vec3 u_within_colour;

float overlay_value(Surface s)
{
    float error = error_at(s);
    return error < 0.5 * NO_VALUE ? float(abs(error) > u_tolerance_m) : NO_VALUE;
}

vec3 overlay(Surface s, vec3 colour)
{
    if (!s.measured) {
        return colour;
    }
    float value = overlay_value(s);
    if (value > 0.5 * NO_VALUE) {
        return tinted(s, colour, value);
    }
    vec3 marked = mix(u_within_colour * s.relief, u_mask_colour * sqrt(s.relief), value);
    return mix(colour, marked, u_overlay_opacity);
}
