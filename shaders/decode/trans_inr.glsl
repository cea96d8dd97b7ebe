// TransINR (arXiv 2208.02801): one ReLU network per tile, on an encoded position; the tile's tokens modulate the
// weights that all tiles share, and every column of the result has unit length.
//
// offers   vec3 decode_height(vec2 uv)   normalized (h, dh/du, dh/dv); h is one number, so derivatives by reverse mode
//          vec4 vectors(ivec2 texel), lengths, layers: passes of the preparation, after lib/hyper_decoder.glsl's stats
// needs    DIM, GROUPS, WIDTH (a multiple of 4), ENCODING (a multiple of 8), the decoder's weights
//          u_prepared   a row per input of the hidden layers, then one of the output's weights
// Loops are opaque but for those over four components.

#ifndef ENCODING
#error ENCODING must be defined
#endif

#include "lib/hyper_decoder.glsl"
#include "lib/opaque.glsl"
#include "lib/sincos.glsl"

#define HIDDEN 4  // layers before the output
#define WIDTH4 (WIDTH / 4)
#define INPUTS4 (ENCODING / 2)  // texels of the encoded position: cos x, cos y, sin x, sin y
#define COUNT4 (ENCODING / 8)  // texels of frequencies
#define PI 3.14159265358979

uniform sampler2D u_prepared;
uniform sampler2D u_vectors;  // one row per token
uniform sampler2D u_lengths;  // reciprocal lengths of the columns, one row per layer

int inputs_of(int layer)
{
    return layer == 0 ? 4 * INPUTS4 : WIDTH;
}

// First row of a layer in u_prepared.
int first_row(int layer)
{
    return layer == 0 ? 0 : 4 * INPUTS4 + (layer - 1) * WIDTH;
}

int token_map(int layer)
{
    if (layer == 0) return W_TOKEN0_NORM_SCALE;
    if (layer == 1) return W_TOKEN1_NORM_SCALE;
    if (layer == 2) return W_TOKEN2_NORM_SCALE;
    if (layer == 3) return W_TOKEN3_NORM_SCALE;
    return W_TOKEN4_NORM_SCALE;
}

int base_weight(int layer)
{
    if (layer == 0) return W_LAYER0_WEIGHT;
    if (layer == 1) return W_LAYER1_WEIGHT;
    if (layer == 2) return W_LAYER2_WEIGHT;
    return W_LAYER3_WEIGHT;
}

int bias_of(int layer)
{
    if (layer == 0) return W_LAYER0_BIAS;
    if (layer == 1) return W_LAYER1_BIAS;
    if (layer == 2) return W_LAYER2_BIAS;
    return W_LAYER3_BIAS;
}

vec4 vectors(ivec2 texel)
{
    int layer = min(texel.y / GROUPS, HIDDEN);
    int blocks = inputs_of(layer) / 4;
    if (texel.x >= blocks) {
        return vec4(0.0);
    }
    return normed_linear(texel.y, texel.y, texel.x, token_map(layer), DIM * u_one, blocks);
}

// Weights of a hidden layer before normalization, from one input to outputs 4 column ... 4 column + 3.
vec4 modulated(int layer, int row, int column)
{
    vec4 modulation;
    for (int k = 0; k < 4; ++k) {
        int token = layer * GROUPS + (4 * column + k) % GROUPS;
        modulation[k] = texelFetch(u_vectors, ivec2(row / 4, token), 0)[row % 4];
    }
    return modulation * weight(base_weight(layer) + row * WIDTH4 + column);
}

// Weights of the output layer before normalization, from inputs 4 column ... 4 column + 3.
vec4 modulated_output(int column)
{
    return texelFetch(u_vectors, ivec2(column, HIDDEN * GROUPS), 0) * weight(W_LAYER4_WEIGHT + column);
}

vec4 lengths(ivec2 texel)
{
    vec4 sum = vec4(0.0);
    if (texel.y < HIDDEN) {
        int inputs = inputs_of(texel.y) * u_one;
        for (int row = 0; row < inputs; ++row) {
            vec4 w = modulated(texel.y, row, texel.x);
            sum += w * w;
        }
    } else {
        for (int column = 0; column < WIDTH4 * u_one; ++column) {
            vec4 w = modulated_output(column);
            sum += dot(w, w);
        }
    }
    return 1.0 / sqrt(max(sum, 1e-24));
}

vec4 layers(ivec2 texel)
{
    int layer = texel.y < first_row(1) ? 0 : 1 + (texel.y - first_row(1)) / WIDTH;
    vec4 scale = texelFetch(u_lengths, ivec2(texel.x, layer), 0);
    return scale * (layer < HIDDEN ? modulated(layer, texel.y - first_row(layer), texel.x) : modulated_output(texel.x));
}

// Cosines and sines of pi f x. Whole turns are taken off before f's low part comes in: large angles stay exact.
void encode_position(float x, int f, out vec4 cosine, out vec4 sine)
{
    precise vec4 halves = x * weight(W_FREQUENCIES + f);
    halves = halves - 2.0 * floor(0.5 * halves + 0.5);
    halves = halves + x * weight(W_FREQUENCIES + COUNT4 + f);
    sincos(PI * halves, sine, cosine);
}

vec4 prepared_weight(int row, int column)
{
    return texelFetch(u_prepared, ivec2(column, row), 0);
}

// Gradients of the four inputs from row `row` on, from the outputs' slopes.
vec4 pull_back(int row, in vec4 slope[WIDTH4])
{
    vec4 sum;
    for (int k = 0; k < 4; ++k) {
        vec4 products = vec4(0.0);
        for (int o = 0; o < WIDTH4 * u_one; ++o) {
            products += slope[o] * prepared_weight(row + k, o);
        }
        sum[k] = dot(products, vec4(1.0));
    }
    return sum;
}

vec3 decode_height(vec2 uv)
{
    vec4 encoded[INPUTS4];
    for (int f = 0; f < COUNT4 * u_one; ++f) {
        encode_position(2.0 * uv.x - 1.0, f, encoded[f], encoded[2 * COUNT4 + f]);
        encode_position(2.0 * uv.y - 1.0, f, encoded[COUNT4 + f], encoded[3 * COUNT4 + f]);
    }

    vec4 x[WIDTH4];
    vec4 next[WIDTH4];
    uint alive[HIDDEN * WIDTH4];  // which four units let their input through
    for (int layer = 0; layer < HIDDEN * u_one; ++layer) {
        int row = first_row(layer);
        int blocks = inputs_of(layer) / 4;
        for (int o = 0; o < WIDTH4 * u_one; ++o) {
            vec4 z = weight(bias_of(layer) + o);
            for (int i = 0; i < blocks; ++i) {
                vec4 a = layer == 0 ? encoded[i] : x[i];
                for (int k = 0; k < 4; ++k) {
                    z += a[k] * prepared_weight(row + 4 * i + k, o);
                }
            }
            next[o] = max(z, 0.0);
            uvec4 through = uvec4(greaterThan(z, vec4(0.0)));
            alive[layer * WIDTH4 + o] = through.x | through.y << 1 | through.z << 2 | through.w << 3;
        }
        for (int o = 0; o < WIDTH4 * u_one; ++o) {
            x[o] = next[o];
        }
    }

    float h = weight(W_LAYER4_BIAS).x;
    vec4 slope[WIDTH4];
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        slope[o] = prepared_weight(first_row(HIDDEN), o);
        h += dot(x[o], slope[o]);
    }
    for (int layer = HIDDEN * u_one - 1; layer >= 0; --layer) {
        for (int o = 0; o < WIDTH4 * u_one; ++o) {
            slope[o] *= vec4(uvec4(alive[layer * WIDTH4 + o]) >> uvec4(0, 1, 2, 3) & 1u);
        }
        if (layer > 0) {
            for (int i = 0; i < WIDTH4 * u_one; ++i) {
                next[i] = pull_back(first_row(layer) + 4 * i, slope);
            }
            for (int o = 0; o < WIDTH4 * u_one; ++o) {
                slope[o] = next[o];
            }
        }
    }
    vec2 gradient = vec2(0.0);
    for (int f = 0; f < COUNT4 * u_one; ++f) {
        vec4 rate = 2.0 * PI * (weight(W_FREQUENCIES + f) + weight(W_FREQUENCIES + COUNT4 + f));
        for (int axis = 0; axis < 2; ++axis) {
            int cosine = axis * COUNT4 + f;
            int sine = cosine + 2 * COUNT4;
            vec4 turned = encoded[cosine] * pull_back(4 * sine, slope) - encoded[sine] * pull_back(4 * cosine, slope);
            gradient[axis] += dot(rate, turned);
        }
    }
    return vec3(h, gradient);
}
