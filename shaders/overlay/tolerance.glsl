// Cells whose error is beyond the tolerance, in a loud color over gray relief: the value is 1 there and 0 elsewhere.

#include "lib/overlay_value.glsl"
#include "lib/errors.glsl"

uniform float u_tolerance_m;
uniform vec3 u_mask_color;
uniform vec3 u_within_color;

float overlay_value(Surface s)
{
    float error = error_at(s);
    return error < 0.5 * NO_VALUE ? float(abs(error) > u_tolerance_m) : NO_VALUE;
}

vec3 overlay(Surface s, vec3 color)
{
    vec2 right = dFdx(s.uv), down = dFdy(s.uv);
    if (!s.measured) {
        return color;
    }
    if (overlay_value(s) > 0.5 * NO_VALUE) {
        return tinted(s, color, NO_VALUE);
    }
    // A cell is marked three pixels wide at least, or far away none would be seen.
    bool beyond = false;
    vec2 middle = s.uv;
    for (int k = 0; k < 9; ++k) {
        s.uv = middle + float(k % 3 - 1) * right + float(k / 3 - 1) * down;
        beyond = beyond || overlay_value(s) == 1.0;
    }
    vec3 marked = beyond ? u_mask_color * sqrt(s.relief) : u_within_color * s.relief;
    return mix(color, marked, u_overlay_opacity);
}
