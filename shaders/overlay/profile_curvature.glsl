// Curvature along the steepest descent in 1/m, convex positive: Evans 1972 (neural/measure/morphometry.py).

#include "lib/by_value.glsl"
#include "lib/curvature.glsl"

float overlay_value(Surface s)
{
    float squared = 1.0 + dot(s.gradient, s.gradient);
    return curvature(s, s.gradient, squared * sqrt(squared));
}
