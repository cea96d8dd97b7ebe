// Shadows that the terrain casts, from depth maps that the sun sees (viewer/graphics/shadows.py).
//
// offers   float lit(vec3 position, vec2 slope, float depth_m)   share of the sun that reaches a point, relative to the
//          eye, of ground as steep as drawn, at a view depth
// needs    sun.glsl, CASCADES (how many maps lie side by side, at most 4)
//
// A point is moved along its normal by about a texel before it is looked up (D. Holbert, "Saying Goodbye to Shadow
// Acne", 2011); with the slope-scaled offset of the maps, the ground does not shade itself.

uniform sampler2DShadow u_shadow_map;
uniform mat4 u_shadow_from_world[CASCADES];  // to 0..1 across one map, and depth
uniform vec4 u_shadow_far_m;  // view depths where maps end
uniform vec4 u_shadow_texel_m;

float lit(vec3 position, vec2 slope, float depth_m)
{
    int map = 0;
    while (map < CASCADES - 1 && depth_m > u_shadow_far_m[map]) {
        ++map;
    }
    vec3 normal = vec3(-slope, 1.0) * up_of(slope);
    float facing = clamp(dot(normal, u_sun), 0.0, 1.0);
    position += normal * u_shadow_texel_m[map] * (0.4 + 1.6 * sqrt(1.0 - facing * facing));
    vec3 at = (u_shadow_from_world[map] * vec4(position, 1.0)).xyz;
    if (at.x <= 0.0 || at.x >= 1.0 || at.y <= 0.0 || at.y >= 1.0 || at.z >= 1.0) {
        return 1.0;
    }
    vec2 texel = 1.0 / vec2(textureSize(u_shadow_map, 0));
    at.x = (at.x + float(map)) / float(CASCADES);
    // Four looks of 2 x 2 texels each: a tent of three texels.
    float sum = 0.0;
    for (int k = 0; k < 4; ++k) {
        vec2 aside = (vec2(k & 1, k >> 1) - 0.5) * texel;
        sum += textureLod(u_shadow_map, vec3(at.xy + aside, at.z), 0.0);
    }
    return 0.25 * sum;
}
