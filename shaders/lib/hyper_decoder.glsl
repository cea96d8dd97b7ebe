// Hyper-decoder of HUVR (arXiv 2601.14256): passes that turn tokens into hidden states, one row of texels per token.
//
// offers   vec4 hyper_stats(ivec2 texel)      (mean, 1 / standard deviation, 0, 0) of a row of u_input
//          vec4 hyper_linear(ivec2 texel)     linear(LayerNorm(u_input)), then GELU where u_gelu is 1
//          vec4 hyper_residual(ivec2 texel)   u_input + linear(u_inner)
//          vec4 normed_linear(...)            hyper_linear of other heads
// needs    weights.glsl's WEIGHT_COLUMNS; the uniforms that HyperDecoder.hyper_passes sets
// Loop bounds are uniforms, so that no compiler unrolls a network.

#include "lib/gelu.glsl"
#include "lib/weights.glsl"

uniform sampler2D u_input;
uniform sampler2D u_stats;  // of u_input
uniform sampler2D u_inner;
uniform int u_first_row;  // row of u_input that row 0 of the pass reads
uniform int u_fan_in;
uniform int u_stride;  // texels of a row of outputs
uniform int u_weight;  // first texel of the LayerNorm's scales, or of the matrix where there is no LayerNorm
uniform int u_gelu;

// Which of the four values from `first` on lie below `size`.
vec4 hyper_inside(int first, int size)
{
    return vec4(lessThan(first + ivec4(0, 1, 2, 3), ivec4(size)));
}

vec4 hyper_stats(ivec2 texel)
{
    int row = texel.y + u_first_row;
    vec4 sum = vec4(0.0);
    for (int i = 0; 4 * i < u_fan_in; ++i) {
        sum += texelFetch(u_input, ivec2(i, row), 0) * hyper_inside(4 * i, u_fan_in);
    }
    float mean = dot(sum, vec4(1.0)) / float(u_fan_in);
    sum = vec4(0.0);
    for (int i = 0; 4 * i < u_fan_in; ++i) {
        vec4 centered = (texelFetch(u_input, ivec2(i, row), 0) - mean) * hyper_inside(4 * i, u_fan_in);
        sum += centered * centered;
    }
    return vec4(mean, 1.0 / sqrt(dot(sum, vec4(1.0)) / float(u_fan_in) + 1e-5), 0.0, 0.0);
}

// Adds rows `input` to `input` + 3 of a matrix at texel `at`, weighted by x; rows from fan_in on do not exist.
void add_rows(inout vec4 sum, vec4 x, int at, int stride, int first, int fan_in)
{
    vec4 part = vec4(0.0);  // fewer additions to the large sum: less rounding
    for (int k = 0; k < 4; ++k) {
        if (first + k < fan_in) {
            part += x[k] * weight(at + k * stride);
        }
    }
    sum += part;
}

// Block `column` of linear(LayerNorm(row of u_input)); from texel `at` on: scales, biases, matrix, biases.
vec4 normed_linear(int row, int stats_row, int column, int at, int fan_in, int stride)
{
    vec2 stats = texelFetch(u_stats, ivec2(0, stats_row), 0).xy;
    int blocks = (fan_in + 3) / 4;
    int matrix = at + 2 * blocks + column;
    vec4 sum = weight(matrix + fan_in * stride);
    for (int i = 0; i < blocks; ++i) {
        vec4 x = (texelFetch(u_input, ivec2(i, row), 0) - stats.x) * stats.y * weight(at + i) + weight(at + blocks + i);
        add_rows(sum, x, matrix + 4 * i * stride, stride, 4 * i, fan_in);
    }
    return sum;
}

vec4 hyper_linear(ivec2 texel)
{
    vec4 y = normed_linear(texel.y + u_first_row, texel.y, texel.x, u_weight, u_fan_in, u_stride);
    return u_gelu == 1 ? gelu(y) : y;
}

vec4 hyper_residual(ivec2 texel)
{
    vec4 sum = weight(u_weight + u_fan_in * u_stride + texel.x);
    for (int i = 0; 4 * i < u_fan_in; ++i) {
        vec4 x = texelFetch(u_inner, ivec2(i, texel.y), 0);
        add_rows(sum, x, u_weight + 4 * i * u_stride + texel.x, u_stride, 4 * i, u_fan_in);
    }
    return texelFetch(u_input, texel, 0) + sum;
}
