// Root mean square error of each block of the layer, meters, as the encoder measured it.

#include "lib/blocks.glsl"

float overlay_value(Surface s)
{
    return block_at(s).error_m;
}

vec3 overlay(Surface s, vec3 color)
{
    Block block = block_at(s);
    return outlined(s, block, block.side > 0.0 ? tinted(s, color, block.error_m) : color);
}
