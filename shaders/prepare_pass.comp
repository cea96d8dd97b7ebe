#version 430 core
// Runs one pass of a method's preparation: the function PASS of its decode file, once per texel (GL 4.3).

layout(local_size_x = GROUP, local_size_y = GROUP) in;

layout(rgba32f, binding = 0) writeonly uniform image2D u_texels;

uniform int u_target_row;  // row of the texture that the pass begins at
uniform int u_target_rows;  // rows it fills

#include <decode>

void main()
{
    ivec2 texel = ivec2(gl_GlobalInvocationID.xy);
    if (all(lessThan(texel, ivec2(imageSize(u_texels).x, u_target_rows)))) {
        imageStore(u_texels, texel + ivec2(0, u_target_row), PASS(texel));
    }
}
