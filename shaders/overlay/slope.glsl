// Slope in degrees (neural/measure/morphometry.py).

#include "lib/by_value.glsl"

float overlay_value(Surface s)
{
    return degrees(atan(length(s.gradient)));
}
