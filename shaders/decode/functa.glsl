// Functa (arXiv 2201.12204): one deep sine network for all tiles, whose phases each tile shifts by a linear map of
// its latent:  x' = sin(omega_0 * (W x + b + shift)).
//
// offers   vec3 decode_height(vec2 uv)   normalized (h, dh/du, dh/dv), derivatives by forward mode
//          vec4 shifts(ivec2 texel)      the preparation: b + shift, row = sine layer, columns = its outputs
// needs    DIM of the latent, WIDTH (a multiple of 4), DEPTH (matrices, the linear output among them), OMEGA_0,
//          the decoder's weights; u_prepared as `shifts` fills it
// Every loop is opaque but those over the four parts of a texel: the network is too large to unroll.

#ifndef WIDTH
#error WIDTH must be defined
#endif

#include "lib/opaque.glsl"
#include "lib/sincos.glsl"
#include "lib/weights.glsl"

#define WIDTH4 (WIDTH / 4)

uniform sampler2D u_latents;
uniform sampler2D u_prepared;

// First texel of layer 1, 2, …: each is a square matrix with its bias, one after the other; the bias of layer 0
// comes just before them, the output layer after.
int siren_matrix(int layer)
{
    return W_SIREN1_WEIGHT + (layer - 1) * (WIDTH + 1) * WIDTH4;
}

vec4 shifts(ivec2 texel)
{
    int columns = (DEPTH - 1) * WIDTH4;
    int column = texel.y * WIDTH4 + texel.x;
    vec4 sum = weight(siren_matrix(texel.y + 1) - WIDTH4 + texel.x) + weight(W_SHIFT_BIAS + column);
    for (int i = 0; i < (DIM + 3) / 4 * u_one; ++i) {
        vec4 latent = texelFetch(u_latents, ivec2(i, 0), 0);  // zero after the last dimension
        for (int k = 0; k < 4; ++k) {
            sum += latent[k] * weight(W_SHIFT_WEIGHT + (4 * i + k) * columns + column);
        }
    }
    return sum;
}

struct Dual  // a layer's values with their derivatives along u and v
{
    vec4 x[WIDTH4];
    vec4 du[WIDTH4];
    vec4 dv[WIDTH4];
};

// sin(omega_0 * z) and its derivatives.
void siren_activate(vec4 z, vec4 zu, vec4 zv, out vec4 x, out vec4 du, out vec4 dv)
{
    vec4 c;
    sincos(float(OMEGA_0) * z, x, c);
    vec4 slope = float(OMEGA_0) * c;
    du = slope * zu;
    dv = slope * zv;
}

void siren_layer(int layer, in Dual a, out Dual b)
{
    int matrix = siren_matrix(layer);
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        vec4 z = texelFetch(u_prepared, ivec2(o, layer), 0);
        vec4 zu = vec4(0.0);
        vec4 zv = vec4(0.0);
        for (int i = 0; i < WIDTH4 * u_one; ++i) {
            for (int k = 0; k < 4; ++k) {
                vec4 w = weight(matrix + (4 * i + k) * WIDTH4 + o);
                z += a.x[i][k] * w;
                zu += a.du[i][k] * w;
                zv += a.dv[i][k] * w;
            }
        }
        siren_activate(z, zu, zv, b.x[o], b.du[o], b.dv[o]);
    }
}

vec3 decode_height(vec2 uv)
{
    Dual a, b;
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        vec4 wu = weight(W_SIREN0_WEIGHT + o);
        vec4 wv = weight(W_SIREN0_WEIGHT + WIDTH4 + o);
        vec4 z = texelFetch(u_prepared, ivec2(o, 0), 0) + uv.x * wu + uv.y * wv;
        siren_activate(z, wu, wv, a.x[o], a.du[o], a.dv[o]);
    }
    for (int layer = 1; layer < (DEPTH - 1) * u_one; ++layer) {
        siren_layer(layer, a, b);
        a = b;
    }
    int last = siren_matrix(DEPTH - 1);
    float h = weight(last + WIDTH4).x;
    vec2 slope = vec2(0.0);
    for (int i = 0; i < WIDTH4 * u_one; ++i) {
        vec4 w = weight(last + i);
        h += dot(w, a.x[i]);
        slope += vec2(dot(w, a.du[i]), dot(w, a.dv[i]));
    }
    return vec3(h, slope);
}
