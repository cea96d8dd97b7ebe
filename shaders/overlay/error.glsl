// Signed error, decoded - reference: a diverging colour over grey relief, cell by cell.

uniform sampler2DArray u_errors;  // metres at cell centres; NO_ERROR where there is no reference
uniform sampler2D u_error_colours;
uniform float u_error_range_m;
uniform float u_overlay_opacity;

const vec3 UNKNOWN = vec3(0.214);  // 128 in sRGB

vec3 overlay(Surface s, vec3 colour)
{
    if (!s.measured) {
        return colour;
    }
    ivec2 size = textureSize(u_errors, 0).xy;
    ivec2 cell = clamp(ivec2(s.uv * vec2(size)), ivec2(0), size - 1);
    float error = texelFetch(u_errors, ivec3(cell, s.layer), 0).r;
    if (error > 0.5 * NO_ERROR) {
        return UNKNOWN * s.relief;
    }
    // Half of the relief stays visible in the error colours; more would be mistaken for error.
    vec3 tinted = colour_of(u_error_colours, 0.5 + 0.5 * error / u_error_range_m) * sqrt(s.relief);
    return mix(colour, tinted, u_overlay_opacity);
}
