#version 410 core
// One tile of the terrain: a grid of vertices lifted to the tile's heights, morphed towards its parent's mesh and
// stitched to its neighbors, with a skirt around it. Positions are relative to the eye.

in vec3 in_grid;  // column and row (0..u_quads), and 0 for the surface or 1..4 for the skirt: N, E, S, W

in vec3 i_origin;  // north-west corner at the tile's offset height, drawn space, relative to the eye
in vec2 i_size;  // CRS meters east and south
in vec4 i_extent;  // where the raster ends in the tile, u and v; the last texels that heights are taken from
in vec4 i_skirt;  // 1 where a tile meets the side: N, E, S, W
in vec4 i_about;  // layer of the page, level, offset_m, 1 when errors are there
in vec4 i_parent;  // layer of its page, which half of it this is (0 or 1) east and south, its offset minus ours
in vec4 i_parent_extent;  // as i_extent
in vec2 i_stitch;  // place in the corrections, and the morph

out vec3 v_place;  // u, v, true height
flat out vec3 v_about;  // layer, level, measured
flat out vec2 v_size_m;  // of the tile on the ground, east and south
#ifdef MORPH
flat out vec4 v_parent;  // layer, half east and south, morph
#endif

uniform mat4 u_clip_from_world;
uniform float u_exaggeration;
uniform float u_ground_scale;  // meters on the ground per CRS meter
uniform float u_pixel;  // size of a pixel at distance 1

#include "lib/mesh_height.glsl"

// Edges meet but for rounding, and a line of a coarse tile is met by several of fine ones: through such gaps of far
// less than a pixel the skirt shows. It leans out below the neighbor, so that it also does so from straight above.
const vec2 SKIRT_PX = vec2(0.4, 1.5);  // out and down

vec3 skirt(int side)
{
    vec2 out_ = side < 3 ? (side == 1 ? vec2(0.0, 1.0) : vec2(1.0, 0.0)) : (side == 3 ? vec2(0.0, -1.0) : vec2(-1.0, 0.0));
    return i_skirt[side - 1] * vec3(SKIRT_PX.x * out_, -SKIRT_PX.y);
}

void main()
{
    ivec2 at = ivec2(in_grid.xy);
    Vertex vertex = morphed_vertex(at);
    float height = vertex.height + stitched(at);
    float rise = u_exaggeration / u_ground_scale * height;
    vec3 position = i_origin + vec3(vertex.uv.x * i_size.x, -vertex.uv.y * i_size.y, rise);
    gl_Position = u_clip_from_world * vec4(position, 1.0);
    if (in_grid.z > 0.0) {
        position += u_pixel * gl_Position.w * skirt(int(in_grid.z));
        gl_Position = u_clip_from_world * vec4(position, 1.0);
    }
#ifdef WIREFRAME
    gl_Position.z -= 2e-5 * gl_Position.w;  // in front of the surface it belongs to
#endif
    v_place = vec3(vertex.uv, i_about.z + vertex.height);  // colors are of the tile, whatever it is stitched to
    v_about = vec3(i_about.xy, i_about.w);
    v_size_m = u_ground_scale * i_size;
#ifdef MORPH
    v_parent = vec4(i_parent.xyz, i_stitch.y);
#endif
}
