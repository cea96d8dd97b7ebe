// A raster of samples as a C2 surface: 4-point 5th-order Hermite interpolation along each axis, the twin of
// neural/methods/hermite.py.
//
// offers   vec3 hermite(sampler2D samples, vec2 uv)   (h, dh/du, dh/dv)
// needs    SAMPLES (per side of a tile), PAD (samples around them, linearly extended)
//          `samples` holds SAMPLES + 2 PAD rows of as many samples, four neighbors of a row per texel
// source   O. Niemitalo, "Polynomial Interpolators for High-Quality Resampling of Oversampled Audio", 2001

#ifndef SAMPLES
#error SAMPLES must be defined
#endif

#include "lib/blend.glsl"

// Weights of the samples at -1, 0, 1, 2 for t in [0, 1].
vec4 hermite_weights(float t)
{
    float t2 = t * t;
    return vec4(
        t * (-0.5 + t * (0.5 + t * (1.5 + t * (-2.5 + t)))),
        1.0 + t2 * (-1.0 + t * (-4.5 + t * (7.5 - 3.0 * t))),
        t * (0.5 + t * (0.5 + t * (4.5 + t * (-7.5 + 3.0 * t)))),
        t2 * t * (-1.5 + t * (2.5 - t)));
}

// Their derivatives with respect to t.
vec4 hermite_slopes(float t)
{
    float t2 = t * t;
    return vec4(
        -0.5 + t * (1.0 + t * (4.5 + t * (-10.0 + 5.0 * t))),
        t * (-2.0 + t * (-13.5 + t * (30.0 - 15.0 * t))),
        0.5 + t * (1.0 + t * (13.5 + t * (-30.0 + 15.0 * t))),
        t2 * (-4.5 + t * (10.0 - 5.0 * t)));
}

vec3 hermite(sampler2D samples, vec2 uv)
{
    vec2 position = uv * float(SAMPLES) - 0.5;
    vec2 cell = clamp(floor(position), -1.0, float(SAMPLES - 1));
    vec2 t = position - cell;
    ivec2 first = ivec2(cell) + PAD - 1;
    vec4 wu = hermite_weights(t.x), wv = hermite_weights(t.y);
    vec4 du = hermite_slopes(t.x), dv = hermite_slopes(t.y);
    return blend(samples, first, wu, wv, du, dv) * vec3(1.0, SAMPLES, SAMPLES);
}
