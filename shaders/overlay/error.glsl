// Signed error, decoded − reference, cell by cell.

#include "lib/by_error.glsl"

float overlay_value(Surface s)
{
    return error_at(s);
}
