// Height steps to the neighbors of the same level, meters, as bands along the tile's edges.

#include "lib/overlay_value.glsl"

uniform sampler2DArray u_gaps;  // [4, LATTICE]: north, south, west, east; NO_ERROR where there is no neighbor

const float BAND_PX = 4.0;  // on either side of the edge

// The larger step of the edges whose band a place lies in; NO_VALUE between the bands.
float overlay_value(Surface s)
{
    vec2 step_uv = max(abs(dFdx(s.uv)) + abs(dFdy(s.uv)), vec2(1e-9));
    vec4 apart_px = vec4(s.uv.y, 1.0 - s.uv.y, s.uv.x, 1.0 - s.uv.x) / step_uv.yyxx;
    vec4 along = vec4(s.uv.xx, s.uv.yy);
    float value = NO_VALUE;
    for (int side = 0; side < 4; ++side) {
        int vertex = int(along[side] * float(LATTICE - 1) + 0.5);
        float gap = texelFetch(u_gaps, ivec3(clamp(vertex, 0, LATTICE - 1), side, s.layer), 0).r;
        if (apart_px[side] < BAND_PX && gap < 0.5 * NO_ERROR) {
            value = value > 0.5 * NO_VALUE ? abs(gap) : max(value, abs(gap));
        }
    }
    return value;
}

vec3 overlay(Surface s, vec3 color)
{
    float value = overlay_value(s);
    if (value > 0.5 * NO_VALUE) {
        return mix(color, vec3(dot(color, vec3(0.2126, 0.7152, 0.0722))), 0.8 * u_overlay_opacity);
    }
    s.relief = 1.0;
    return tinted(s, color, value);
}
