#version 410 core
// Runs one pass of a method's preparation: the function PASS of its decode file, once per texel (GL 4.1).

uniform int u_target_row;  // row of the texture that the pass begins at

#include <decode>

layout(location = 0) out vec4 o_texel;

void main()
{
    o_texel = PASS(ivec2(gl_FragCoord.xy) - ivec2(0, u_target_row));
}
