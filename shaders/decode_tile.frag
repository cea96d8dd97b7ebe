#version 410 core
// Decodes one tile into a layer of the height and gradient textures (GL 4.1).

#include "decode_tile.glsl"

layout(location = 0) out float o_height;
layout(location = 1) out vec2 o_gradient;

void main()
{
    decode_texel(ivec2(gl_FragCoord.xy), o_height, o_gradient);
}
