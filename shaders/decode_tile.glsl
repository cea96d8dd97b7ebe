// Common part of the two decode entries: from a lattice position to meters.
//
// offers   void decode_texel(ivec2 texel, out float height, out vec2 gradient)
//          height in meters above the tile's offset; gradient in meters per meter, east and north
// needs    the part <decode>; uniforms below

#include <decode>

uniform vec2 u_lattice;  // intervals along u and v: texel i lies at i / u_lattice
uniform float u_scale_m;  // meters per unit of normalized height
uniform vec2 u_tile_m;  // width and height of the tile in meters

void decode_texel(ivec2 texel, out float height, out vec2 gradient)
{
    vec3 surface = decode_height(vec2(texel) / u_lattice);
    height = u_scale_m * surface.x;
    gradient = u_scale_m * vec2(surface.y, -surface.z) / u_tile_m;  // v grows southward
}
