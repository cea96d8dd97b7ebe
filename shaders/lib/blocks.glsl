// Blocks of the layer (Method.blocks of neural/methods/base.py): outlines, and hatching where the height is constant.
//
// offers   struct Block, Block block_at(Surface s)
//          vec3 outlined(Surface s, Block block, vec3 color)   the surface's color with lines over it
//          and all of overlay_value.glsl

#include "lib/overlay_value.glsl"

uniform sampler2DArray u_blocks;  // west, north, side (0: no block; negative: constant), error in meters (−1: unknown)
uniform float u_line_scale;  // of widths, against a screen

const vec3 INK = vec3(0.006);
const vec3 CASING = vec3(1.0);  // beside lines, for the sake of dark colors
const float LINE_PX = 0.7;  // on either side of an edge
const float LEAST_PX = 5.0;  // side of blocks too small for lines
const float CASED_PX = 18.0;  // side of blocks whose casings are not the most part of them
const float HATCH_PX = 6.0;

struct Block
{
    vec2 corner;  // north-west one, in tile coordinates, as the side
    float side;  // 0: none
    bool constant;
    float error_m;  // NO_VALUE: unknown
};

Block block_at(Surface s)
{
    ivec2 size = textureSize(u_blocks, 0).xy;
    ivec2 place = clamp(ivec2(s.uv * vec2(size)), ivec2(0), size - 1);
    vec4 block = texelFetch(u_blocks, ivec3(place, s.layer), 0);
    return Block(block.xy, abs(block.z), block.z < 0.0, block.w < 0.0 ? NO_VALUE : block.w);
}

vec3 outlined(Surface s, Block block, vec3 color)
{
    vec2 pixel = max(abs(dFdx(s.uv)) + abs(dFdy(s.uv)), vec2(1e-9));
    if (block.side == 0.0) {
        return color;
    }
    vec2 inside = min(s.uv - block.corner, block.corner + block.side - s.uv) / pixel;
    float away = min(inside.x, inside.y) / u_line_scale;
    float side_px = block.side / max(pixel.x, pixel.y) / u_line_scale;
    float drawn = clamp(side_px / LEAST_PX - 1.0, 0.0, 1.0) * u_overlay_opacity;
    float casing = 0.3 * (1.0 - smoothstep(LINE_PX + 0.2, LINE_PX + 1.5, away));
    casing *= clamp(side_px / CASED_PX - 0.5, 0.0, 1.0);
    float line = 0.85 * (1.0 - smoothstep(LINE_PX - 0.5, LINE_PX + 0.5, away));
    if (block.constant) {
        // Stripes lie on the ground, twice as far apart wherever they would get closer than that.
        float apart = exp2(ceil(log2(HATCH_PX * u_line_scale * max(pixel.x, pixel.y))));
        float along = abs(fract((s.uv.x + s.uv.y) / apart) - 0.5) * apart / max(pixel.x, pixel.y) / u_line_scale;
        line = max(line, 0.6 * (1.0 - smoothstep(0.5, 1.5, along)));
    }
    return mix(mix(color, CASING, casing * drawn), INK, line * drawn);
}
