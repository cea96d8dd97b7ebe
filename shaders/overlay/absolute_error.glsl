// Size of the error, |decoded − reference|, cell by cell.

#include "lib/overlay_value.glsl"
#include "lib/errors.glsl"

float overlay_value(Surface s)
{
    float error = error_at(s);
    return error < 0.5 * NO_VALUE ? abs(error) : NO_VALUE;
}

vec3 overlay(Surface s, vec3 colour)
{
    return s.measured ? tinted(s, colour, overlay_value(s)) : colour;
}
