// offers   float curvature(Surface s, vec2 along, float stretch)
//          second derivative of height along a direction as long as the slope, per its square and `stretch`, in 1/m,
//          convex positive; NO_VALUE on level ground
// needs    LATTICE, NO_DIRECTION, gradient_at
//
// Second derivatives are differences of exact slopes one cell to either side, within the tile
// (neural/measure/morphometry.py: second_derivatives).

float curvature(Surface s, vec2 along, float stretch)
{
    float steepness = dot(s.gradient, s.gradient);
    if (steepness < NO_DIRECTION) {
        return NO_VALUE;
    }
    const float cell = 1.0 / float(LATTICE - 1);
    vec2 low = max(s.uv - cell, 0.0), high = min(s.uv + cell, 1.0);
    vec2 apart_m = (high - low) * s.size_m;
    vec2 east = (gradient_at(vec2(high.x, s.uv.y)) - gradient_at(vec2(low.x, s.uv.y))) / apart_m.x;
    vec2 north = (gradient_at(vec2(s.uv.x, low.y)) - gradient_at(vec2(s.uv.x, high.y))) / apart_m.y;
    float bent = along.x * along.x * east.x + along.x * along.y * (east.y + north.x) + along.y * along.y * north.y;
    return -bent / (steepness * stretch);
}
