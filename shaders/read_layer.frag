#version 410 core
// Copies one layer of the height textures, so that it can be read without the others.

uniform sampler2DArray u_heights;
uniform int u_layer;

layout(location = 0) out float o_height;

void main()
{
    o_height = texelFetch(u_heights, ivec3(gl_FragCoord.xy, u_layer), 0).r;
}
