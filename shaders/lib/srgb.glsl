// The transfer function of IEC 61966-2-1 (sRGB). Colors are light until the picture's last pass encodes them.
//
// offers   vec3 srgb_of(vec3 linear), vec3 linear_of(vec3 srgb)   channels 0..1
// error    of srgb_of: at most 0.1 of a step of 8 bits; roots instead of a power, at half the cost in software

vec3 srgb_of(vec3 linear)
{
    vec3 root = sqrt(linear);
    vec3 curve = 0.83373702 * root + 0.29812355 * sqrt(root) - 0.05531313 * linear - 0.07690727;
    return mix(curve, 12.92 * linear, lessThan(linear, vec3(0.0031308)));
}

vec3 linear_of(vec3 srgb)
{
    vec3 curve = pow((max(srgb, vec3(0.04045)) + 0.055) / 1.055, vec3(2.4));
    return mix(curve, srgb / 12.92, lessThan(srgb, vec3(0.04045)));
}
