// offers   vec3 bend(Surface s)   second derivatives of height in 1/m: east-east, east-north, north-north
// needs    LATTICE, gradient_at
//
// Differences of exact slopes one cell to either side, within the tile (neural/morphometry.py: second_derivatives).

vec3 bend(Surface s)
{
    const float cell = 1.0 / float(LATTICE - 1);
    vec2 low = max(s.uv - cell, 0.0), high = min(s.uv + cell, 1.0);
    vec2 apart_m = (high - low) * s.size_m;
    vec2 east = (gradient_at(vec2(high.x, s.uv.y)) - gradient_at(vec2(low.x, s.uv.y))) / apart_m.x;
    vec2 north = (gradient_at(vec2(s.uv.x, low.y)) - gradient_at(vec2(s.uv.x, high.y))) / apart_m.y;
    return vec3(east.x, 0.5 * (east.y + north.x), north.y);
}
