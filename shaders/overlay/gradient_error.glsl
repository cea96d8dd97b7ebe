// Length of the difference between the decoded gradient and that of the reference, m/m, cell by cell.

#include "lib/overlay_value.glsl"
#include "lib/errors.glsl"

float overlay_value(Surface s)
{
    return error_at(s);
}

vec3 overlay(Surface s, vec3 colour)
{
    return s.measured ? tinted(s, colour, overlay_value(s)) : colour;
}
