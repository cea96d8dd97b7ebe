// How an overlay's number becomes a color.
//
// offers   vec3 tinted(Surface s, vec3 color, float value)   the surface's color under the overlay's
// needs    uniforms below

uniform sampler2D u_overlay_colors;
uniform vec2 u_overlay_range;  // values at the two ends of the colors
uniform float u_overlay_opacity;

const vec3 UNKNOWN = vec3(0.214);  // 128 in sRGB

vec3 tinted(Surface s, vec3 color, float value)
{
    if (value > 0.5 * NO_VALUE) {
        return mix(color, UNKNOWN * s.relief, u_overlay_opacity);
    }
    float share = (value - u_overlay_range.x) / (u_overlay_range.y - u_overlay_range.x);
    // Half of the relief stays visible in the colors; more would be mistaken for values.
    return mix(color, color_of(u_overlay_colors, share) * sqrt(s.relief), u_overlay_opacity);
}
