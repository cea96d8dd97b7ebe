// Common part of the two decode entries: from a lattice position to metres.
//
// offers   void decode_texel(ivec2 texel, out float height, out vec2 gradient)
//          height in metres above the tile's offset; gradient in metres per metre, east and north
// needs    the part <decode>; uniforms below

#include <decode>

uniform vec2 u_lattice;  // intervals along u and v: texel i lies at i / u_lattice
uniform float u_scale_m;  // metres per unit of normalised height
uniform vec2 u_tile_m;  // width and height of the tile in metres

void decode_texel(ivec2 texel, out float height, out vec2 gradient)
{
    vec3 surface = decode_height(vec2(texel) / u_lattice);
    height = u_scale_m * surface.x;
    gradient = u_scale_m * vec2(surface.y, -surface.z) / u_tile_m;  // v grows southward
}
