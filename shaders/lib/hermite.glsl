// A raster of samples as a C2 surface: 4-point 5th-order Hermite interpolation along each axis, the twin of
// neural/methods/hermite.py.
//
// offers   vec3 hermite(sampler2D samples, vec2 uv)   (h, dh/du, dh/dv)
// needs    SAMPLES (per side of a tile), PAD (samples around them, linearly extended)
//          `samples` holds SAMPLES + 2 PAD rows of as many samples, four neighbours of a row per texel
// source   O. Niemitalo, "Polynomial Interpolators for High-Quality Resampling of Oversampled Audio", 2001

#ifndef SAMPLES
#error SAMPLES must be defined
#endif

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

// Four consecutive samples of a padded row, which lie in one texel or in two.
vec4 hermite_row(sampler2D samples, int column, int row)
{
    int texel = column >> 2;
    int last = (SAMPLES + 2 * PAD) / 4 - 1;
    vec4 a = texelFetch(samples, ivec2(texel, row), 0);
    vec4 b = texelFetch(samples, ivec2(min(texel + 1, last), row), 0);
    int shift = column & 3;
    if (shift == 1) return vec4(a.yzw, b.x);
    if (shift == 2) return vec4(a.zw, b.xy);
    if (shift == 3) return vec4(a.w, b.xyz);
    return a;
}

vec3 hermite(sampler2D samples, vec2 uv)
{
    vec2 position = uv * float(SAMPLES) - 0.5;
    vec2 cell = clamp(floor(position), -1.0, float(SAMPLES - 1));
    vec2 t = position - cell;
    ivec2 first = ivec2(cell) + PAD - 1;
    vec4 wu = hermite_weights(t.x), wv = hermite_weights(t.y);
    vec4 du = hermite_slopes(t.x), dv = hermite_slopes(t.y);
    // Differences from a near sample keep the sums small: heights stay exact to float32.
    float base = hermite_row(samples, first.x, first.y + 1).y;
    vec3 sum = vec3(0.0);
    for (int k = 0; k < 4; ++k) {
        vec4 near = hermite_row(samples, first.x, first.y + k) - base;
        float along = dot(wu, near);
        sum += vec3(wv[k] * along, wv[k] * dot(du, near), dv[k] * along);
    }
    return vec3(base + sum.x, sum.yz * float(SAMPLES));
}
