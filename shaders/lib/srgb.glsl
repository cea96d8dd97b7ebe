// The transfer function of IEC 61966-2-1 (sRGB). Colours are light until the picture's last pass encodes them.
//
// offers   vec3 srgb_of(vec3 linear), vec3 linear_of(vec3 srgb)   channels 0..1

vec3 srgb_of(vec3 linear)
{
    vec3 curve = 1.055 * pow(max(linear, vec3(0.0031308)), vec3(1.0 / 2.4)) - 0.055;
    return mix(curve, 12.92 * linear, lessThan(linear, vec3(0.0031308)));
}

vec3 linear_of(vec3 srgb)
{
    vec3 curve = pow((max(srgb, vec3(0.04045)) + 0.055) / 1.055, vec3(2.4));
    return mix(curve, srgb / 12.92, lessThan(srgb, vec3(0.04045)));
}
