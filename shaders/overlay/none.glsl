// No overlay.

vec3 overlay(Surface s, vec3 colour)
{
    return colour;
}
