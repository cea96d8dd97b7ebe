// Lines of equal height, equally wide in pixels however steep the ground is.
//
// offers   vec3 contoured(vec3 color, float z_m)   linear light
// needs    INDEX_EVERY, uniforms below
//
// Dark lines, with light rims where the ground is dark. Lines that come too close to be told apart fade away, the
// thin ones first, and ground that is as good as level is no line, even at a line's height.

uniform float u_contour_interval_m;
uniform float u_contour_px;  // width of a thin line

const float LEVEL = 2e-5;  // intervals per pixel

// Cover of a line `width_px` wide, where `steps` counts intervals.
float contour(float steps, float width_px)
{
    float per_px = max(length(vec2(dFdx(steps), dFdy(steps))), 1e-9);
    float away_px = abs(steps - floor(steps + 0.5)) / per_px;
    float cover = clamp(0.5 * width_px + 0.5 - away_px, 0.0, 1.0);
    return cover * (1.0 - smoothstep(0.12, 0.32, per_px)) * smoothstep(LEVEL, 3.0 * LEVEL, per_px);
}

vec3 contoured(vec3 color, float z_m)
{
    const vec3 ink = vec3(0.022, 0.016, 0.012);
    const vec3 paper = vec3(0.84, 0.81, 0.76);
    float steps = z_m / u_contour_interval_m;
    float thick = steps / float(INDEX_EVERY);
    float rim = max(0.5 * contour(steps, u_contour_px + 2.0), contour(thick, 2.0 * u_contour_px + 2.5));
    float line = max(0.62 * contour(steps, u_contour_px), 0.9 * contour(thick, 2.0 * u_contour_px));
    float light = dot(color, vec3(0.2126, 0.7152, 0.0722));
    color = mix(color, paper, 0.6 * (1.0 - smoothstep(0.02, 0.20, light)) * rim);
    return mix(color, ink, line);
}
