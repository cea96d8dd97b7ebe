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
    if (value > 0.5 * NO_VALUE) {
        return color;
    }
    float share = (value - u_overlay_range.x) / (u_overlay_range.y - u_overlay_range.x);
    // All of the relief: the few colors are told apart under it.
    vec3 filled = mix(color, color_of(u_overlay_colors, share) * s.relief, u_overlay_opacity);
    return outlined(s, block_at(s), filled);
}
