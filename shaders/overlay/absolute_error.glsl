// Size of the error, |decoded − reference|, cell by cell.

#include "lib/by_error.glsl"

float overlay_value(Surface s)
{
    float error = error_at(s);
    return error < 0.5 * NO_VALUE ? abs(error) : NO_VALUE;
}
