// offers   Vertex own_vertex(ivec2 at), Vertex morphed_vertex(ivec2 at)   the tile's mesh, before stitching
//          float stitched(ivec2 at)   meters to add so that it meets its neighbors
// needs    the instance attributes of terrain.vert
//
// viewer/tiles/borders.py follows the same rules along the sides.

uniform sampler2DArray u_heights;
uniform sampler2D u_stitch;  // [quads + 1, 4 rows a tile]: N, E, S, W

uniform int u_quads;  // of the mesh along a tile's side
uniform int u_step;  // texels from vertex to vertex

struct Vertex
{
    vec2 uv;
    float height;  // above the tile's offset
};

Vertex own_vertex(ivec2 at)
{
#ifdef HOLES  // the mesh ends at the raster's rim
    ivec2 texel = min(at * u_step, ivec2(i_extent.zw));
    vec2 uv = min(vec2(at) / float(u_quads), i_extent.xy);
#else
    ivec2 texel = at * u_step;
    vec2 uv = vec2(at) / float(u_quads);
#endif
    return Vertex(uv, texelFetch(u_heights, ivec3(texel, int(i_about.x)), 0).r);
}

#ifdef MORPH
uniform sampler2DArray u_parent_heights;

float parent_height(ivec2 at)
{
    ivec2 texel = at * u_step;
#ifdef HOLES
    texel = min(texel, ivec2(i_parent_extent.zw));
#endif
    return texelFetch(u_parent_heights, ivec3(texel, int(i_parent.x)), 0).r;
}

// The parent's mesh at a vertex of ours. The diagonals of its quads alternate, see grid_mesh.
float parent_mesh(ivec2 at, vec2 uv)
{
#ifdef HOLES
    vec2 place = 0.5 * (i_parent.yz + uv) * float(u_quads);
    ivec2 low = clamp(ivec2(place), ivec2(0), ivec2(u_quads - 1));
    vec2 rim = i_parent_extent.xy * float(u_quads);
    vec2 begin = min(vec2(low), rim), end = min(vec2(low + 1), rim);
    vec2 f = clamp((place - begin) / max(end - begin, vec2(1e-6)), 0.0, 1.0);
    float nw = parent_height(low), ne = parent_height(low + ivec2(1, 0));
    float sw = parent_height(low + ivec2(0, 1)), se = parent_height(low + ivec2(1, 1));
    if (((low.x + low.y) & 1) == 1) {
        return f.x + f.y <= 1.0 ? nw + f.x * (ne - nw) + f.y * (sw - nw)
                                : se + (1.0 - f.x) * (sw - se) + (1.0 - f.y) * (ne - se);
    }
    return f.x >= f.y ? nw + f.x * (ne - nw) + f.y * (se - ne) : nw + f.y * (sw - nw) + f.x * (se - sw);
#else
    at += ivec2(i_parent.yz) * u_quads;  // in halves of the parent's quads
    ivec2 low = at >> 1, high = (at + 1) >> 1;
    bool rising = ((low.x + low.y) & 1) == 1;
    ivec2 one = rising ? ivec2(high.x, low.y) : low;
    ivec2 other = rising ? ivec2(low.x, high.y) : high;
    return 0.5 * (parent_height(one) + parent_height(other));
#endif
}
#endif

Vertex morphed_vertex(ivec2 at)
{
    Vertex vertex = own_vertex(at);
#ifdef MORPH
    vertex.height = mix(vertex.height, parent_mesh(at, vertex.uv) + i_parent.w, i_stitch.y);
#endif
    return vertex;
}

// Whole at the edge, nothing STITCH_ZONE of a side further in; a morphed tile is part of its parent.
float near_edge(int quads_in)
{
    float share = max(1.0 - float(quads_in) / (STITCH_ZONE * float(u_quads) * (1.0 + i_stitch.y)), 0.0);
    return share * share * (3.0 - 2.0 * share);
}

// The corrections of the two nearest sides, less that of their corner which both contain (Coons 1967).
float stitched(ivec2 at)
{
    ivec2 opposite = u_quads - at;
    bvec2 far = lessThan(opposite, at);
    float from_side = near_edge(min(at.x, opposite.x)), from_end = near_edge(min(at.y, opposite.y));
    int row = 4 * int(i_stitch.x);
    int end = row + (far.y ? 2 : 0);
    float along_end = texelFetch(u_stitch, ivec2(at.x, end), 0).r;
    float along_side = texelFetch(u_stitch, ivec2(at.y, row + (far.x ? 1 : 3)), 0).r;
    float corner = texelFetch(u_stitch, ivec2(far.x ? u_quads : 0, end), 0).r;
    return from_end * along_end + from_side * along_side - from_end * from_side * corner;
}
