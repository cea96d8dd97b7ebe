// offers   vec3 color_of(sampler2D table, float share)   linear light; share 0..1 along a table of one row
// needs    TABLE_TEXELS, enough that the nearest entry will do

vec3 color_of(sampler2D table, float share)
{
    int entry = int(clamp(share, 0.0, 1.0) * float(TABLE_TEXELS - 1) + 0.5);
    return texelFetch(table, ivec2(entry, 0), 0).rgb;
}
