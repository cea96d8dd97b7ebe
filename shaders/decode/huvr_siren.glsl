// HUVR+SIREN (arXiv 2606.00404): each patch of a tile is a three-layer sine network whose shared weights are
// modulated, per patch, in amplitude and phase:  x' = alpha * sin(omega_0 * (W x + b) + phi).
//
// offers   vec3 decode_height(vec2 uv)      normalized (h, dh/du, dh/dv), derivatives by forward mode
//          vec4 modulations(ivec2 texel)    the last pass of the preparation; lib/hyper_decoder.glsl holds the others
// needs    PATCHES (per side), HYPER_WIDTH, WIDTH (a multiple of 4), OMEGA_0, the decoder's weights
//          u_prepared   row = patch (v, u), columns = alpha_0, phi_0, alpha_1, phi_1, alpha_2, phi_2
// Loops over outputs are opaque; those over inputs have a constant bound, so that array indices are constants.

#ifndef WIDTH
#error WIDTH must be defined
#endif

#include "lib/hyper_decoder.glsl"
#include "lib/opaque.glsl"
#include "lib/sincos.glsl"

#define WIDTH4 (WIDTH / 4)

uniform sampler2D u_prepared;

vec4 modulations(ivec2 texel)
{
    int head = texel.x / WIDTH4;
    int first = W_ALPHA0_NORM_SCALE;
    if (head == 1) first = W_PHI0_NORM_SCALE;
    if (head == 2) first = W_ALPHA1_NORM_SCALE;
    if (head == 3) first = W_PHI1_NORM_SCALE;
    if (head == 4) first = W_ALPHA2_NORM_SCALE;
    if (head == 5) first = W_PHI2_NORM_SCALE;
    return normed_linear(texel.y, texel.y, texel.x - head * WIDTH4, first, HYPER_WIDTH * u_one, WIDTH4);
}

struct Dual  // a layer's values with their derivatives along u and v, both per patch half-width
{
    vec4 x[WIDTH4];
    vec4 du[WIDTH4];
    vec4 dv[WIDTH4];
};

// alpha * sin(omega_0 * z + phi) and its derivatives, for block `o` of layer `layer`.
void siren_activate(int patch_row, int layer, int o, vec4 z, vec4 zu, vec4 zv, out vec4 x, out vec4 du, out vec4 dv)
{
    vec4 alpha = texelFetch(u_prepared, ivec2((2 * layer) * WIDTH4 + o, patch_row), 0);
    vec4 phi = texelFetch(u_prepared, ivec2((2 * layer + 1) * WIDTH4 + o, patch_row), 0);
    vec4 s, c;
    sincos(float(OMEGA_0) * z + phi, s, c);
    vec4 slope = float(OMEGA_0) * alpha * c;
    x = alpha * s;
    du = slope * zu;
    dv = slope * zv;
}

void siren_layer(int patch_row, int layer, int matrix, int bias, in Dual a, out Dual b)
{
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        vec4 z = weight(bias + o);
        vec4 zu = vec4(0.0);
        vec4 zv = vec4(0.0);
        for (int i = 0; i < WIDTH4; ++i) {
            for (int k = 0; k < 4; ++k) {
                vec4 w = weight(matrix + (4 * i + k) * WIDTH4 + o);
                z += a.x[i][k] * w;
                zu += a.du[i][k] * w;
                zv += a.dv[i][k] * w;
            }
        }
        siren_activate(patch_row, layer, o, z, zu, zv, b.x[o], b.du[o], b.dv[o]);
    }
}

vec3 decode_height(vec2 uv)
{
    vec2 scaled = uv * float(PATCHES);
    ivec2 cell = clamp(ivec2(floor(scaled)), ivec2(0), ivec2(PATCHES - 1));
    vec2 local = 2.0 * (scaled - vec2(cell)) - 1.0;
    int patch_row = cell.y * PATCHES + cell.x;

    Dual a, b;
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        vec4 wu = weight(W_SIREN0_WEIGHT + o);
        vec4 wv = weight(W_SIREN0_WEIGHT + WIDTH4 + o);
        vec4 z = weight(W_SIREN0_BIAS + o) + local.x * wu + local.y * wv;
        siren_activate(patch_row, 0, o, z, wu, wv, a.x[o], a.du[o], a.dv[o]);
    }
    siren_layer(patch_row, 1, W_SIREN1_WEIGHT, W_SIREN1_BIAS, a, b);
    siren_layer(patch_row, 2, W_SIREN2_WEIGHT, W_SIREN2_BIAS, b, a);

    float h = weight(W_SIREN3_BIAS).x;
    vec2 slope = vec2(0.0);
    for (int i = 0; i < WIDTH4 * u_one; ++i) {
        vec4 w = weight(W_SIREN3_WEIGHT + i);
        h += dot(w, a.x[i]);
        slope += vec2(dot(w, a.du[i]), dot(w, a.dv[i]));
    }
    return vec3(h, 2.0 * float(PATCHES) * slope);
}
