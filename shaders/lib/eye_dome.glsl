// Eye-dome lighting: pixels deeper than their surroundings are darkened, which brings out shape where light
// does not. C. Boucheny, "Visualization scientifique de grands volumes de donnees" (thesis, Grenoble 2009): the
// response is the mean of max(0, log2 depth - log2 neighbor's depth), the shade exp(-strength * response), as in
// CloudCompare and Potree. Neighbors are taken in opposite pairs, whose mean a slanting plane leaves at 0.
//
// offers   float eye_dome(ivec2 pixel, int k)   factor on light, of sample k
// needs    SAMPLED, sampler2D or sampler2DMS

uniform SAMPLED u_depth;
#if SAMPLES > 0
#define DEPTH_SIZE textureSize(u_depth)
#else
#define DEPTH_SIZE textureSize(u_depth, 0)
#endif
uniform vec2 u_planes_m;  // near and far
uniform float u_strength;
uniform int u_reach_px;  // of the inner neighbors; the outer are three times as far away

const float FACETS = 0.0005;  // response between the flat triangles of a mesh, which are no shape
const float DARKEST = 1.8;
const ivec2 PAIRS[4] = ivec2[](ivec2(1, 0), ivec2(0, 1), ivec2(1, 1), ivec2(1, -1));

float log_depth(ivec2 pixel, int k)
{
    float depth = texelFetch(u_depth, clamp(pixel, ivec2(0), DEPTH_SIZE - 1), k).r;
    return log2(u_planes_m.x * u_planes_m.y / (u_planes_m.y - depth * (u_planes_m.y - u_planes_m.x)));
}

float eye_dome(ivec2 pixel, int k)
{
    if (texelFetch(u_depth, pixel, k).r >= 1.0) {
        return 1.0;  // the sky
    }
    float own = log_depth(pixel, k), response = 0.0;
    for (int pair = 0; pair < 8; ++pair) {
        ivec2 apart = (pair < 4 ? 1 : 3) * u_reach_px * PAIRS[pair & 3];
        float before = log_depth(pixel - apart, k), after = log_depth(pixel + apart, k);
        response += max(0.0, own - 0.5 * (before + after) - FACETS);
    }
    return exp(-min(u_strength * response / 8.0, DARKEST));
}
