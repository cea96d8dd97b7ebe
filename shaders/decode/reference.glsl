// Near-lossless raster (neural/methods/reference.py), uploaded as numpy prepares it.
//
// offers   vec3 decode_height(vec2 uv)   normalized (h, dh/du, dh/dv)
// needs    SAMPLES and PAD of lib/hermite.glsl
//          u_prepared   the padded raster

#include "lib/hermite.glsl"

uniform sampler2D u_prepared;

vec3 decode_height(vec2 uv)
{
    return hermite(u_prepared, uv);
}
