// No overlay.

float overlay_value(Surface s)
{
    return NO_VALUE;
}

vec3 overlay(Surface s, vec3 color)
{
    return color;
}
