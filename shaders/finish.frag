#version 410 core
// The last pass of a picture: averages a pixel's samples as light and encodes them as sRGB; on the way, eye-dome
// lighting.

#include "lib/srgb.glsl"

layout(location = 0) out vec4 o_color;

#if SAMPLES > 0
#define SAMPLED sampler2DMS
#else
#define SAMPLED sampler2D
#endif
uniform SAMPLED u_color;  // linear

#ifdef EDL
#include "lib/eye_dome.glsl"
#endif

vec3 light(ivec2 pixel, int k)
{
    vec3 color = texelFetch(u_color, pixel, k).rgb;
#ifdef EDL
    color *= eye_dome(pixel, k);
#endif
    return color;
}

void main()
{
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec3 sum = light(pixel, 0);
#if SAMPLES > 0
    for (int k = 1; k < SAMPLES; ++k) {
        sum += light(pixel, k);
    }
    sum /= float(SAMPLES);
#endif
    // Noise of less than one step of 8 bits keeps slow gradients free of bands; colors that 8 bits hold stay.
    // (Interleaved gradient noise: J. Jimenez, "Next Generation Post Processing in Call of Duty", 2014.)
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    o_color = vec4(srgb_of(clamp(sum, 0.0, 1.0)) + (0.8 * noise - 0.4) / 255.0, 1.0);
}
