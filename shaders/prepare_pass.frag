#version 410 core
// Runs one pass of a method's preparation: the function PASS of its decode file, once per texel (GL 4.1).

#include <decode>

layout(location = 0) out vec4 o_texel;

void main()
{
    o_texel = PASS(ivec2(gl_FragCoord.xy));
}
