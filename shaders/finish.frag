#version 410 core
// The last pass of a picture: averages a pixel's samples as light, encodes them as sRGB.

#include "lib/srgb.glsl"

layout(location = 0) out vec4 o_colour;

#if SAMPLES > 0
uniform sampler2DMS u_colour;  // linear
#else
uniform sampler2D u_colour;
#endif

vec3 light(ivec2 pixel)
{
#if SAMPLES > 0
    vec3 sum = vec3(0.0);
    for (int k = 0; k < SAMPLES; ++k) {
        sum += texelFetch(u_colour, pixel, k).rgb;
    }
    return sum / float(SAMPLES);
#else
    return texelFetch(u_colour, pixel, 0).rgb;
#endif
}

void main()
{
    vec3 colour = srgb_of(clamp(light(ivec2(gl_FragCoord.xy)), 0.0, 1.0));
    // Noise of less than one step of 8 bits keeps slow gradients free of bands; colours that 8 bits hold stay.
    // (Interleaved gradient noise: J. Jimenez, "Next Generation Post Processing in Call of Duty", 2014.)
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    o_colour = vec4(colour + (0.8 * noise - 0.4) / 255.0, 1.0);
}
