#version 430 core
// Decodes one tile into a layer of the height and gradient textures (GL 4.3).

layout(local_size_x = GROUP, local_size_y = GROUP) in;

layout(r32f, binding = 0) writeonly uniform image2DArray u_heights;
layout(rg32f, binding = 1) writeonly uniform image2DArray u_gradients;
uniform int u_layer;
uniform ivec2 u_first;  // texel that the invocations begin at
uniform ivec2 u_count;  // columns and rows of them

#include "decode_tile.glsl"

void main()
{
    ivec2 texel = ivec2(gl_GlobalInvocationID.xy);
    if (any(greaterThanEqual(texel, u_count))) {
        return;
    }
    texel += u_first;
    float height;
    vec2 gradient;
    decode_texel(texel, height, gradient);
    imageStore(u_heights, ivec3(texel, u_layer), vec4(height));
    imageStore(u_gradients, ivec3(texel, u_layer), vec4(gradient, 0.0, 0.0));
}
