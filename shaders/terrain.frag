#version 410 core
// Colors of the terrain in linear light, from the analytic gradient at each pixel; shaders/finish.frag encodes them.

#include "lib/color_table.glsl"
#include "lib/srgb.glsl"
#include "lib/sun.glsl"
#include "lib/surface.glsl"
#if defined(FOG) || defined(SHADOWS)
#include "lib/air.glsl"
#endif
#ifdef SHADOWS
#include "lib/shadow.glsl"
#endif

in vec3 v_place;
flat in vec3 v_about;
flat in vec2 v_size_m;
#ifdef MORPH
flat in vec4 v_parent;  // layer, half east and south, morph
#endif

layout(location = 0) out vec4 o_color;

#ifdef HOLES  // tiles that do not fill their square; the others keep the early depth test
uniform sampler2DArray u_valid;  // at cells

void discard_holes()
{
    ivec2 cells = textureSize(u_valid, 0).xy;
    ivec2 cell = clamp(ivec2(v_place.xy * vec2(cells)), ivec2(0), cells - 1);
    if (texelFetch(u_valid, ivec3(cell, int(v_about.x)), 0).r < 0.5) {
        discard;
    }
}
#endif

#if !defined(WIREFRAME) && !defined(DEPTH)
uniform sampler2DArray u_gradients;  // at vertices
#ifdef MORPH
uniform sampler2DArray u_parent_gradients;
#endif
uniform sampler2D u_colors;
uniform vec2 u_elevation_m;  // at the two ends of the colors
uniform bool u_colored;  // elevation colors, else neutral
uniform bool u_shaded;  // relief

uniform float u_exaggeration;

vec3 texel_of(vec2 uv, float layer)
{
    return vec3(uv * (float(LATTICE - 1) / float(LATTICE)) + 0.5 / float(LATTICE), layer);
}

// Slopes east and north at a place of the tile, meters per meter; part of the parent's where the tile morphs.
vec2 gradient_at(vec2 uv)
{
    vec2 gradient = texture(u_gradients, texel_of(uv, v_about.x)).rg;
#ifdef MORPH
    vec3 there = texel_of(0.5 * (v_parent.yz + uv), v_parent.x);
    gradient = mix(gradient, texture(u_parent_gradients, there).rg, v_parent.w);
#endif
    return gradient;
}

#include <hillshade>
#include <overlay>
#ifdef CONTOURS
#include "lib/contours.glsl"
#endif

const vec3 NEUTRAL = vec3(0.5089, 0.5089, 0.4910);  // 189, 189, 186 in sRGB

Surface surface()
{
    Surface s;
    s.uv = v_place.xy;
    s.size_m = v_size_m;
    s.z_m = v_place.z;
    s.layer = int(v_about.x);
    s.level = v_about.y;
    s.measured = v_about.z > 0.5;
    s.gradient = gradient_at(s.uv);
    vec2 slope = u_exaggeration * s.gradient;
    s.relief = hillshade(slope);
#ifdef SHADOWS
    float depth_m = 1.0 / gl_FragCoord.w;
    s.relief = shadowed(s.relief, slope, lit(ray_of(gl_FragCoord.xy) * depth_m, slope, depth_m));
#endif
    return s;
}

vec3 terrain_color()
{
    Surface s = surface();
    float share = (s.z_m - u_elevation_m.x) / (u_elevation_m.y - u_elevation_m.x);
    vec3 color = u_colored ? color_of(u_colors, share) : NEUTRAL;
    color = overlay(s, u_shaded ? color * s.relief : color);
#ifdef CONTOURS
    color = contoured(color, s.z_m);
#endif
#ifdef TINT  // a color for each level of detail
    vec3 tint = 0.55 + 0.45 * cos(6.2832 * (0.381966 * v_about.y + vec3(0.0, 0.33, 0.67)));
    color = mix(color, linear_of(tint) * s.relief, 0.6);
#endif
#ifdef FOG
    color = through_air(color, ray_of(gl_FragCoord.xy) / gl_FragCoord.w);
#endif
    return min(color, vec3(1.0));  // before samples are averaged, so that bright edges stay smooth
}
#endif

void main()
{
#ifdef HOLES
    discard_holes();
#endif
#ifdef WIREFRAME
    o_color = vec4(0.010, 0.012, 0.014, 1.0);
#elif defined(SURVEY)  // numbers instead of colors
    Surface s = surface();
    o_color = vec4(overlay_value(s), s.z_m, 1.0, 1.0);
#elif !defined(DEPTH)
    o_color = vec4(terrain_color(), 1.0);
#endif
}
