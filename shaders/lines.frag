#version 410 core

layout(location = 0) out vec4 o_colour;

uniform vec4 u_colour;

void main()
{
    o_colour = u_colour;
}
