// Curvature across the steepest descent in 1/m, convex positive: Mitasova and Hofierka 1993 (neural/morphometry.py).

#include "lib/overlay_value.glsl"
#include "lib/bend.glsl"

float overlay_value(Surface s)
{
    vec2 g = s.gradient;
    float steepness = dot(g, g);
    if (steepness < NO_DIRECTION) {
        return NO_VALUE;
    }
    vec3 b = bend(s);
    float across = g.y * g.y * b.x - 2.0 * g.x * g.y * b.y + g.x * g.x * b.z;
    return -across / (steepness * sqrt(1.0 + steepness));
}

vec3 overlay(Surface s, vec3 colour)
{
    return tinted(s, colour, overlay_value(s));
}
