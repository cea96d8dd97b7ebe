// Length of the difference between the decoded gradient and that of the reference, m/m, cell by cell.

#include "lib/by_error.glsl"

float overlay_value(Surface s)
{
    return error_at(s);
}
