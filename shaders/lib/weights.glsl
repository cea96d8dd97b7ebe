// Decoder weights, as Method.weight_texture of neural/methods/base.py lays them out.
//
// offers   vec4 weight(int texel)   four weights; W_<NAME> is the first texel of each weight
// needs    WEIGHT_COLUMNS

uniform sampler2D u_weights;

vec4 weight(int texel)
{
    return texelFetch(u_weights, ivec2(texel % WEIGHT_COLUMNS, texel / WEIGHT_COLUMNS), 0);
}
