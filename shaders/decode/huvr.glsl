// HUVR (arXiv 2601.14256) on terrain: per patch, a ReLU network on GRID x GRID positions whose middle layer is
// modulated by the outer product of a patch and a tile vector; then one convolution for the whole tile, and its
// outputs spread over STRIDE x STRIDE cells. All that is preparation; samples interpolate the cells.
//
// offers   vec3 decode_height(vec2 uv)   normalized (h, dh/du, dh/dv)
//          vec4 heads(ivec2), scales(ivec2), x1(ivec2), x2(ivec2), cells(ivec2), samples(ivec2)
//                                        passes of the preparation; lib/hyper_decoder.glsl holds the first ones
// needs    PATCHES, GRID, STRIDE, HYPER_WIDTH, WIDTH, SAMPLES, PAD, the weights of Huvr.fold
// Rows of x1, x2 and cells are positions of the whole tile, row by row.

#ifndef STRIDE
#error STRIDE must be defined
#endif

#include "lib/hermite.glsl"
#include "lib/hyper_decoder.glsl"
#include "lib/opaque.glsl"

#define WIDTH4 ((WIDTH + 3) / 4)
#define CELLS4 ((STRIDE * STRIDE + 3) / 4)
#define POSITIONS (PATCHES * GRID)

uniform sampler2D u_heads;
uniform sampler2D u_scales;
uniform sampler2D u_x1;
uniform sampler2D u_x2;
uniform sampler2D u_cells;
uniform sampler2D u_prepared;

// Row 0: the tile's vector g; then the patches' vectors p.
vec4 heads(ivec2 texel)
{
    int first = texel.y == 0 ? W_GLOBAL_NORM_SCALE : W_PATCH_NORM_SCALE;
    return normed_linear(texel.y, texel.y, texel.x, first, HYPER_WIDTH * u_one, WIDTH4);
}

// g over the norms of the columns of W1 * (p outer g), for each patch.
vec4 scales(ivec2 texel)
{
    vec4 g = texelFetch(u_heads, ivec2(texel.x, 0), 0);
    vec4 sum = vec4(0.0);
    for (int i = 0; i < WIDTH4 * u_one; ++i) {
        vec4 p = texelFetch(u_heads, ivec2(i, texel.y + 1), 0);
        for (int k = 0; k < 4; ++k) {
            if (4 * i + k < WIDTH) {
                vec4 w = p[k] * weight(W_MLP1_WEIGHT + (4 * i + k) * WIDTH4 + texel.x);
                sum += w * w;
            }
        }
    }
    return g / max(sqrt(sum) * abs(g), 1e-12);
}

// The modulated layer, on the positions' first layer.
vec4 x1(ivec2 texel)
{
    ivec2 at = ivec2(texel.y % POSITIONS, texel.y / POSITIONS);
    int tile_patch = (at.y / GRID) * PATCHES + at.x / GRID;
    int place = (at.y % GRID) * GRID + at.x % GRID;
    vec4 sum = vec4(0.0);
    for (int i = 0; i < WIDTH4 * u_one; ++i) {
        vec4 x = weight(W_POSITIONS + place * WIDTH4 + i) * texelFetch(u_heads, ivec2(i, tile_patch + 1), 0);
        add_rows(sum, x, W_MLP1_WEIGHT + 4 * i * WIDTH4 + texel.x, WIDTH4, 4 * i, WIDTH);
    }
    return max(sum * texelFetch(u_scales, ivec2(texel.x, tile_patch), 0) + weight(W_MLP1_BIAS + texel.x), 0.0);
}

vec4 x2(ivec2 texel)
{
    vec4 sum = weight(W_MLP2_BIAS + texel.x);
    for (int i = 0; i < WIDTH4 * u_one; ++i) {
        vec4 x = texelFetch(u_x1, ivec2(i, texel.y), 0);
        add_rows(sum, x, W_MLP2_WEIGHT + 4 * i * WIDTH4 + texel.x, WIDTH4, 4 * i, WIDTH);
    }
    return max(sum, 0.0);
}

// Convolution 3x3 with zeros around the tile: the cells of a position, row by row.
vec4 cells(ivec2 texel)
{
    ivec2 at = ivec2(texel.y % POSITIONS, texel.y / POSITIONS);
    vec4 sum = weight(W_CONV_BIAS + texel.x);
    for (int tap = 0; tap < 9 * u_one; ++tap) {
        ivec2 near = at + ivec2(tap % 3, tap / 3) - 1;
        if (clamp(near, 0, POSITIONS - 1) != near) {
            continue;
        }
        for (int i = 0; i < WIDTH4 * u_one; ++i) {
            vec4 x = texelFetch(u_x2, ivec2(i, near.y * POSITIONS + near.x), 0);
            int row = tap * WIDTH + 4 * i;
            add_rows(sum, x, W_CONV_WEIGHT + row * CELLS4 + texel.x, CELLS4, 4 * i, WIDTH);
        }
    }
    return sum;
}

float cell(int column, int row)
{
    int place = (row % STRIDE) * STRIDE + column % STRIDE;
    return texelFetch(u_cells, ivec2(place / 4, (row / STRIDE) * POSITIONS + column / STRIDE), 0)[place % 4];
}

// A row's cell, beyond the tile continued linearly.
float cell_along(int column, int row)
{
    int inside = clamp(column, 0, SAMPLES - 1);
    float value = cell(inside, row);
    return value + float(abs(column - inside)) * (value - cell(inside + sign(inside - column), row));
}

// Four neighbors of a row of the padded raster.
vec4 samples(ivec2 texel)
{
    int row = texel.y - PAD;
    int inside = clamp(row, 0, SAMPLES - 1);
    vec4 values;
    for (int k = 0; k < 4; ++k) {
        int column = 4 * texel.x + k - PAD;
        float value = cell_along(column, inside);
        float next = cell_along(column, inside + sign(inside - row));
        values[k] = value + float(abs(row - inside)) * (value - next);
    }
    return values;
}

vec3 decode_height(vec2 uv)
{
    return hermite(u_prepared, uv);
}
