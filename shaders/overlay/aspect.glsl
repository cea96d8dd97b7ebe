// Aspect, where the slope faces: degrees clockwise from north, none on level ground (neural/measure/morphometry.py).

#include "lib/overlay_value.glsl"

const float FLAT = tan(radians(FLAT_DEG));
const float CLEAR = tan(radians(8.0 * FLAT_DEG));  // from here on the direction is sure enough for full color

float overlay_value(Surface s)
{
    float facing = degrees(atan(-s.gradient.x, -s.gradient.y));
    return length(s.gradient) < FLAT ? NO_VALUE : facing < 0.0 ? facing + 360.0 : facing;
}

vec3 overlay(Surface s, vec3 color)
{
    vec3 level = tinted(s, color, NO_VALUE);
    return mix(level, tinted(s, color, overlay_value(s)), smoothstep(FLAT, CLEAR, length(s.gradient)));
}
