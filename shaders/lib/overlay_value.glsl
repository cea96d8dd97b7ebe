// How an overlay's number becomes a colour.
//
// offers   vec3 tinted(Surface s, vec3 colour, float value)   the surface's colour under the overlay's
// needs    uniforms below

uniform sampler2D u_overlay_colours;
uniform vec2 u_overlay_range;  // values at the two ends of the colours
uniform float u_overlay_opacity;

const vec3 UNKNOWN = vec3(0.214);  // 128 in sRGB

vec3 tinted(Surface s, vec3 colour, float value)
{
    if (value > 0.5 * NO_VALUE) {
        return mix(colour, UNKNOWN * s.relief, u_overlay_opacity);
    }
    float share = (value - u_overlay_range.x) / (u_overlay_range.y - u_overlay_range.x);
    // Half of the relief stays visible in the colours; more would be mistaken for values.
    return mix(colour, colour_of(u_overlay_colours, share) * sqrt(s.relief), u_overlay_opacity);
}
