// Curvature across the steepest descent in 1/m, convex positive: Mitasova and Hofierka 1993 (neural/measure/morphometry.py).

#include "lib/by_value.glsl"
#include "lib/curvature.glsl"

float overlay_value(Surface s)
{
    vec2 g = s.gradient;
    return curvature(s, vec2(g.y, -g.x), sqrt(1.0 + dot(g, g)));
}
