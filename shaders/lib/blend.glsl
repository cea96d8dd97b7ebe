// Numbers on a lattice, four neighbors of a row per texel, blended four by four.
//
// offers   vec3 blend(sampler2D numbers, ivec2 first, vec4 wu, vec4 wv, vec4 du, vec4 dv)
//          (h, dh/du, dh/dv) of the 4 x 4 numbers from column and row `first` on, with their weights along each axis,
//          which add up to 1, and the derivatives of these, which add up to 0

// Four consecutive numbers of a row, which lie in one texel or in two.
vec4 four_of_row(sampler2D numbers, int column, int row)
{
    int texel = column >> 2;
    vec4 a = texelFetch(numbers, ivec2(texel, row), 0);
    vec4 b = texelFetch(numbers, ivec2(min(texel + 1, textureSize(numbers, 0).x - 1), row), 0);
    int shift = column & 3;
    if (shift == 1) return vec4(a.yzw, b.x);
    if (shift == 2) return vec4(a.zw, b.xy);
    if (shift == 3) return vec4(a.w, b.xyz);
    return a;
}

vec3 blend(sampler2D numbers, ivec2 first, vec4 wu, vec4 wv, vec4 du, vec4 dv)
{
    // Differences from a near number keep the sums small: heights stay exact to float32.
    float base = four_of_row(numbers, first.x, first.y + 1).y;
    vec3 sum = vec3(0.0);
    for (int k = 0; k < 4; ++k) {
        vec4 near = four_of_row(numbers, first.x, first.y + k) - base;
        float along = dot(wu, near);
        sum += vec3(wv[k] * along, wv[k] * dot(du, near), dv[k] * along);
    }
    return vec3(base + sum.x, sum.yz);
}
