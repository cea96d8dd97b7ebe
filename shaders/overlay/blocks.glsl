// Blocks of the layer, colored by scale: 0 is the whole area, every further one half as wide.

#include "lib/blocks.glsl"

float overlay_value(Surface s)
{
    Block block = block_at(s);
    return block.side > 0.0 ? s.level - floor(log2(block.side) + 0.5) : NO_VALUE;
}

vec3 overlay(Surface s, vec3 color)
{
    float value = overlay_value(s);
    vec3 filled = value > 0.5 * NO_VALUE ? color : tinted(s, color, value);
    return outlined(s, block_at(s), filled);
}
