// offers   float error_at(Surface s)   the tile's error in the cell of a place: meters, or m/m; NO_VALUE where unknown
// needs    NO_ERROR, which marks cells without a reference

uniform sampler2DArray u_errors;  // at cell centers

float error_at(Surface s)
{
    ivec2 size = textureSize(u_errors, 0).xy;
    ivec2 cell = clamp(ivec2(s.uv * vec2(size)), ivec2(0), size - 1);
    float error = texelFetch(u_errors, ivec3(cell, s.layer), 0).r;
    return error > 0.5 * NO_ERROR ? NO_VALUE : error;
}
