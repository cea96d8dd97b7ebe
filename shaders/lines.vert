#version 410 core
// Boxes around tiles, as lines. Positions are relative to the eye.

in vec3 in_corner;  // 0 or 1 along each axis
in vec3 i_low;
in vec3 i_size;

uniform mat4 u_clip_from_world;

void main()
{
    gl_Position = u_clip_from_world * vec4(i_low + in_corner * i_size, 1.0);
}
