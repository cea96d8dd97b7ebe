#version 410 core
// Sky and ground far away, from the direction of view: calm, and never as saturated as terrain.

#include "lib/srgb.glsl"

in vec2 v_ndc;

layout(location = 0) out vec4 o_colour;

uniform vec3 u_right;  // half the picture's width at distance 1
uniform vec3 u_up;  // half its height
uniform vec3 u_forward;

const vec3 ZENITH = vec3(0.36, 0.46, 0.58);
const vec3 HORIZON = vec3(0.80, 0.84, 0.87);
const vec3 BELOW = vec3(0.56, 0.59, 0.62);
const vec3 NADIR = vec3(0.43, 0.46, 0.49);

void main()
{
    float up = normalize(u_forward + v_ndc.x * u_right + v_ndc.y * u_up).z;
    vec3 sky = mix(HORIZON, ZENITH, pow(clamp(up, 0.0, 1.0), 0.6));
    vec3 ground = mix(BELOW, NADIR, clamp(-1.2 * up, 0.0, 1.0));
    vec3 colour = mix(ground, sky, smoothstep(-0.06, 0.01, up));
    o_colour = vec4(linear_of(colour), 1.0);
}
