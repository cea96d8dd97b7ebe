// ACORN (arXiv 2105.02788): blocks of a quadtree, each with a grid of features that an encoder makes of its place and
// scale; a small decoder turns interpolated features into heights. With BLENDED borders every block's height fades out
// over half a feature cell on either side of its edges.
//
// offers   vec3 decode_height(vec2 uv)   normalized (h, dh/du, dh/dv), derivatives by forward mode
//          vec4 encoding(ivec2), layer(ivec2)   a block's preparation: positional encoding, and a linear layer
//                                                
// needs    FREQUENCIES of the encoding; SIDE of the feature grid, CHANNELS and DECODER_WIDTH (multiples of 4),
//          BLENDED, TABLE_COLUMNS; the decoder's weights
//          u_prepared   the tile's blocks, as neural/methods/acorn/shader_tables.py lays them out
// Every loop is opaque but those over the four parts of a texel and STRIDE texels: the network is too large to unroll.
// (llvmpipe ends all loops of a sample after 65,535 rounds together; a coarse sample of a large network has more.)

#ifndef SIDE
#error SIDE must be defined
#endif

#include "lib/nodes.glsl"
#include "lib/opaque.glsl"
#include "lib/sincos.glsl"
#include "lib/weights.glsl"

#define CHANNELS4 (CHANNELS / 4)
#define WIDTH4 (DECODER_WIDTH / 4)
#if WIDTH4 % 4 == 0
#define STRIDE 4
#else
#define STRIDE 1
#endif

uniform sampler2D u_latents;
uniform sampler2D u_values;
uniform sampler2D u_prepared;
uniform int u_weight;  // first texel of a layer's matrix and bias
uniform int u_bias;
uniform int u_inputs;  // texels of a layer's inputs and outputs
uniform int u_outputs;
uniform int u_relu;  // 1 for a hidden layer

// Center and scale of a block, then their sines and cosines at frequencies 1, 2, 4, …; zeros after the last. The latents'
// fourth number is what rounding left of the scale.
vec4 encoding(ivec2 texel)
{
    vec4 block = texelFetch(u_latents, ivec2(0, texel.y), 0);
    vec4 values = vec4(0.0);
    for (int k = 0; k < 4; ++k) {
        int number = 4 * texel.x + k;
        int wave = number - 3;
        if (number < 3) {
            values[k] = block[number];
        } else if (wave < 6 * FREQUENCIES) {
            float frequency = float(1 << (wave / 6));
            float rest = wave % 3 == 2 ? frequency * block.w : 0.0;
            vec4 s, c;
            sincos(vec4(frequency * block[wave % 3]), s, c);
            values[k] = wave % 6 < 3 ? s.x + rest * c.x : c.x - rest * s.x;
        }
    }
    return values;
}

vec4 layer(ivec2 texel)
{
    vec4 sum = weight(u_bias + texel.x);
    for (int i = 0; i < u_inputs * u_one; ++i) {
        vec4 x = texelFetch(u_values, ivec2(i, texel.y), 0);
        for (int k = 0; k < 4; ++k) {
            sum += x[k] * weight(u_weight + (4 * i + k) * u_outputs + texel.x);
        }
    }
    return u_relu == 1 ? max(sum, 0.0) : sum;
}

struct Dual  // four values with their derivatives along x and y
{
    vec4 x, dx, dy;
};

Dual rectified(Dual z)
{
    vec4 on = vec4(greaterThan(z.x, vec4(0.0)));
    return Dual(z.x * on, z.dx * on, z.dy * on);
}

// Add the product of four inputs with a matrix, from a texel on; one every WIDTH4 is of the next input.
void add_product(inout Dual z, Dual inputs, int texel)
{
    for (int k = 0; k < 4; ++k) {
        vec4 w = weight(texel + k * WIDTH4);
        z.x += inputs.x[k] * w;
        z.dx += inputs.dx[k] * w;
        z.dy += inputs.dy[k] * w;
    }
}

// Four channels of a block's features at a place of it, linear in both directions, also beyond its edges.
Dual features(int block, int channel, ivec2 cell, vec2 t)
{
    int first = (cell.y * SIDE + cell.x) * CHANNELS4 + channel;
    vec4 nw = of_node(block, first);
    vec4 ne = of_node(block, first + CHANNELS4);
    vec4 sw = of_node(block, first + SIDE * CHANNELS4);
    vec4 se = of_node(block, first + (SIDE + 1) * CHANNELS4);
    vec4 north = nw + t.x * (ne - nw);
    vec4 south = sw + t.x * (se - sw);
    return Dual(north + t.y * (south - north), mix(ne - nw, se - sw, t.y), south - north);
}

// Height of a block at a place of it, 0 to 1 from its north-west corner, and the derivatives there.
vec3 block_height(int block, vec2 place)
{
    const float cells = float(SIDE - 1);
    vec2 at = place * cells;
    vec2 cell = clamp(floor(at), 0.0, cells - 1.0);

    Dual inputs[CHANNELS4];
    for (int c = 0; c < CHANNELS4 * u_one; ++c) {
        inputs[c] = features(block, c, ivec2(cell), at - cell);
    }
    Dual hidden[WIDTH4];
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        Dual z = Dual(weight(W_DECODER0_BIAS + o), vec4(0.0), vec4(0.0));
        for (int i = 0; i < CHANNELS4 * u_one; ++i) {
            add_product(z, inputs[i], W_DECODER0_WEIGHT + 4 * i * WIDTH4 + o);
        }
        hidden[o] = rectified(z);
    }
    vec3 h = vec3(weight(W_DECODER2_BIAS).x, 0.0, 0.0);
    for (int o = 0; o < WIDTH4 * u_one; ++o) {
        Dual z = Dual(weight(W_DECODER1_BIAS + o), vec4(0.0), vec4(0.0));
        for (int i = 0; i < WIDTH4 * u_one; i += STRIDE) {
            for (int j = 0; j < STRIDE; ++j) {
                add_product(z, hidden[i + j], W_DECODER1_WEIGHT + 4 * (i + j) * WIDTH4 + o);
            }
        }
        Dual a = rectified(z);
        vec4 w = weight(W_DECODER2_WEIGHT + o);
        h += vec3(dot(w, a.x), dot(w, a.dx), dot(w, a.dy));
    }
    return h * vec3(1.0, cells, cells);
}

vec4 table(int texel)
{
    return texelFetch(u_prepared, ivec2(texel % TABLE_COLUMNS, texel / TABLE_COLUMNS), 0);
}

// Height of a leaf of the table at a place of it.
vec3 leaf_height(vec4 leaf, vec2 place)
{
    return leaf.x < 1.5 ? block_height(int(leaf.z), place) : vec3(leaf.y, 0.0, 0.0);
}

// The table is a tree in depth-first order. Row k is texel 2 k: west, north, 1 / side, the row after all below it; and
// 2 k + 1: kind (0: divided further, 1: features, 2: constant), the constant, the number of the features' node.
//
// bool height_at(vec2 uv, int rows, out vec3 height)   false where no block reaches
#if BLENDED
const float FADE = 0.5 / float(SIDE - 1);  // half a feature cell, as a share of a block's side

// A block's share of the height at a place of it along one axis, and its derivative.
vec2 ramp(float t)
{
    float inwards = min(t, 1.0 - t);  // from the nearer edge
    float rise = clamp(0.5 + 0.5 * inwards / FADE, 0.0, 1.0);
    float slope = 3.0 * rise * (1.0 - rise) / FADE;
    return vec2(rise * rise * (3.0 - 2.0 * rise), t < 0.5 ? slope : -slope);
}

bool height_at(vec2 uv, int rows, out vec3 height)
{
    vec3 sum = vec3(0.0);  // of the blocks' heights times their shares, and its derivatives
    vec3 shares = vec3(0.0);
    int row = 1;
    while (row < rows) {
        vec4 square = table(2 * row);
        vec4 leaf = table(2 * row + 1);
        vec2 place = (uv - square.xy) * square.z;
        bool beyond = any(lessThanEqual(place, vec2(-FADE))) || any(greaterThanEqual(place, vec2(1.0 + FADE)));
        row = beyond ? int(square.w) : row + 1;
        if (beyond || leaf.x < 0.5) {
            continue;
        }
        vec3 h = leaf_height(leaf, place);
        vec2 along = ramp(place.x), down = ramp(place.y);
        vec3 share = vec3(along.x * down.x, along.y * down.x, along.x * down.y);
        sum += vec3(share.x * h.x, square.z * (share.yz * h.x + share.x * h.yz));
        shares += vec3(share.x, square.z * share.yz);
    }
    if (shares.x < 1e-12) {
        height = vec3(0.0);
        return false;
    }
    float mean = sum.x / shares.x;
    height = vec3(mean, (sum.yz - mean * shares.yz) / shares.x);
    return true;
}
#else
bool height_at(vec2 uv, int rows, out vec3 height)
{
    // A block ends at its east and south edges only where another begins: that one is later in the table.
    vec4 holder = vec4(0.0);
    vec3 inside = vec3(0.0);  // the place in it, and 1 / side
    int row = 1;
    while (row < rows) {
        vec4 square = table(2 * row);
        vec4 leaf = table(2 * row + 1);
        vec2 place = (uv - square.xy) * square.z;
        bool beyond = any(lessThan(place, vec2(0.0))) || any(greaterThan(place, vec2(1.0)));
        row = beyond ? int(square.w) : row + 1;
        if (!beyond && leaf.x > 0.5) {
            holder = leaf;
            inside = vec3(place, square.z);
        }
    }
    if (holder.x < 0.5) {
        height = vec3(0.0);
        return false;
    }
    height = leaf_height(holder, inside.xy) * vec3(1.0, inside.zz);
    return true;
}
#endif

vec3 decode_height(vec2 uv)
{
    vec4 tile = table(0);  // rows of the table, samples averaged along each axis, cells of the tile along it
    vec4 area = table(1);  // west, north, east and south end of the area
    int count = int(tile.y);
    if (count == 1) {
        vec3 height;
        height_at(uv, int(tile.x), height);
        return height;
    }
    vec3 sum = vec3(0.0);
    int valued = 0;
    for (int k = 0; k < count * count; ++k) {
        vec2 apart = (vec2(k % count, k / count) + 0.5) / tile.y - 0.5;
        vec2 place = uv + apart / tile.z;
        vec2 held = clamp(place, area.xy, area.zw);
        vec3 height;
        if (height_at(held, int(tile.x), height)) {
            sum += height * vec3(1.0, greaterThan(place, area.xy)) * vec3(1.0, lessThan(place, area.zw));
            ++valued;
        }
    }
    return sum / float(max(valued, 1));
}
