#version 410 core
// Sends a triangle to one layer of a layered framebuffer.

layout(triangles) in;
layout(triangle_strip, max_vertices = 3) out;

uniform int u_layer;

void main()
{
    for (int i = 0; i < 3; ++i) {
        gl_Layer = u_layer;
        gl_Position = gl_in[i].gl_Position;
        EmitVertex();
    }
    EndPrimitive();
}
