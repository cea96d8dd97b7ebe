// Lapped SIREN: a cubic spline over the parent level, and on it windowed sines of the 2 x 2 nodes around each place
// (neural/methods/lapped/basis.py). Both are sums of products of a function of x and one of y.
//
// offers   vec3 decode_height(vec2 uv)   (h, dh/du, dh/dv), derivatives by forward mode
// needs    CELLS per side of a tile, HOP samples along a cell and functions per axis (a multiple of 4), SPLINE_PAD
//          coefficients of the spline beyond each end, NODE_ROWS after which these begin, SPLINE_ROWS of them (a
//          multiple of 4); the sines' weights
//          u_prepared   row, column = y and x: CELLS + 2 nodes of HOP coefficients each; then the spline's, and beside
//                       its first row how far samples lie before their cells' centers
// Lengths are in samples. The loop over rows is opaque; those over columns have a constant bound, so that the functions
// of x stay in registers.

#ifndef NODE_ROWS
#error NODE_ROWS must be defined
#endif

#include "lib/blend.glsl"
#include "lib/opaque.glsl"
#include "lib/sincos.glsl"
#include "lib/weights.glsl"

#define HOP4 (HOP / 4)

uniform sampler2D u_prepared;

// Weights of four consecutive coefficients for t in [0, 1] between the inner two.
vec4 spline_weights(float t)
{
    float r = 1.0 - t;
    return vec4(r * r * r, 4.0 - 3.0 * t * t * (1.0 + r), 4.0 - 3.0 * r * r * (1.0 + t), t * t * t) / 6.0;
}

// Their derivatives with respect to t.
vec4 spline_slopes(float t)
{
    float r = 1.0 - t;
    return vec4(-0.5 * r * r, t * (1.5 * t - 2.0), r * (2.0 - 1.5 * r), 0.5 * t * t);
}

// The parent's sample j lies at 2 j + 1.
vec3 spline(vec2 x)
{
    vec2 at = 0.5 * x - 0.5;
    vec2 cell = clamp(floor(at), -1.0, float(CELLS * HOP / 2 - 1));
    vec2 t = at - cell;
    ivec2 first = ivec2(cell) + SPLINE_PAD - 1 + ivec2(0, NODE_ROWS);
    vec4 wu = spline_weights(t.x), wv = spline_weights(t.y);
    vec4 du = spline_slopes(t.x), dv = spline_slopes(t.y);
    return blend(u_prepared, first, wu, wv, du, dv) * vec3(1.0, 0.5, 0.5);
}

// Functions 4 k … 4 k + 3 of a node at a distance s from it, and their slopes; `window` is its value and slope there.
void node_functions(int k, float s, vec2 window, out vec4 value, out vec4 slope)
{
    vec4 amplitude = weight(W_AMPLITUDE + k);
    vec4 frequency = weight(W_FREQUENCY + k);
    vec4 sine, cosine;
    sincos(frequency * s + weight(W_PHASE + k), sine, cosine);
    value = amplitude * window.x * sine;
    slope = amplitude * (window.y * sine + window.x * frequency * cosine);
}

vec3 nodes(vec2 x)
{
    ivec2 first = clamp(ivec2(floor(x / float(HOP) + 0.5)), 0, CELLS);  // of two nodes per axis, one cell before it
    vec2 near = x - (vec2(first) - 0.5) * float(HOP);
    vec4 s = vec4(near, near - float(HOP));  // from the first and from the second node
    vec4 r = clamp(1.0 - abs(s) / float(HOP), 0.0, 1.0);
    vec4 window, bend;
    sincos(1.5707963267948966 * r * r * (3.0 - 2.0 * r), window, bend);
    bend *= -9.42477796076938 * r * (1.0 - r) * sign(s) / float(HOP);

    vec4 value[2 * HOP4], slope[2 * HOP4];
    for (int k = 0; k < HOP4; ++k) {
        node_functions(k, s.x, vec2(window.x, bend.x), value[k], slope[k]);
        node_functions(k, s.z, vec2(window.z, bend.z), value[HOP4 + k], slope[HOP4 + k]);
    }
    vec3 sum = vec3(0.0);
    for (int j = 0; j < 2 * HOP4 * u_one; ++j) {
        bool second = j >= HOP4;
        vec3 below = second ? vec3(s.w, window.w, bend.w) : vec3(s.y, window.y, bend.y);
        vec4 down, fall;
        node_functions(second ? j - HOP4 : j, below.x, below.yz, down, fall);
        for (int row = 0; row < 4; ++row) {
            vec4 along = vec4(0.0);
            vec4 rise = vec4(0.0);
            for (int k = 0; k < 2 * HOP4; ++k) {
                vec4 c = texelFetch(u_prepared, ivec2(first.x * HOP4 + k, first.y * HOP + 4 * j + row), 0);
                along += c * value[k];
                rise += c * slope[k];
            }
            vec2 line = vec2(dot(along, vec4(1.0)), dot(rise, vec4(1.0)));
            sum += vec3(down[row] * line, fall[row] * line.x);
        }
    }
    return sum;
}

vec3 decode_height(vec2 uv)
{
    const float size = float(CELLS * HOP);
    // Samples of coarse levels lie before their cells' centers.
    float shift = texelFetch(u_prepared, ivec2(SPLINE_ROWS / 4, NODE_ROWS), 0).x;
    vec2 x = uv * size + shift;
    return (spline(x) + nodes(x)) * vec3(1.0, size, size);
}
