#version 410 core
// Sky and ground far away, from the direction of view, in linear light.

#include "lib/sun.glsl"
#include "lib/air.glsl"

layout(location = 0) out vec4 o_color;

void main()
{
    o_color = vec4(min(sky(normalize(ray_of(gl_FragCoord.xy))), vec3(1.0)), 1.0);
}
