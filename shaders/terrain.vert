#version 410 core
// One tile of the terrain: a grid of vertices lifted to the tile's heights, with a curtain around it.
// Positions are relative to the eye.

in vec3 in_grid;  // column and row (0..MESH_QUADS), and 0 for the surface or 1..4 for the curtain: N, E, S, W

in vec3 i_origin;  // north-west corner at the tile's offset height, drawn space, relative to the eye
in vec2 i_size;  // metres east and south
in vec2 i_extent;  // where the raster ends in the tile, u and v
in vec4 i_curtain;  // metres below the edge: N, E, S, W; 0 on the raster's rim
in vec4 i_about;  // layer of the page, level, offset_m, 1 when errors are there

out vec3 v_place;  // u, v, true height
flat out vec3 v_about;  // layer, level, measured
flat out vec2 v_size_m;  // of the tile, east and south

uniform mat4 u_clip_from_world;
uniform float u_exaggeration;
uniform sampler2DArray u_heights;

// The curtain's length at a vertex. It tapers off towards the rim, where it would be seen from outside.
float curtain(int side, vec2 uv)
{
    vec2 rim = i_extent - uv;
    rim.x = i_curtain[3] == 0.0 ? min(rim.x, uv.x) : rim.x;
    rim.y = i_curtain[0] == 0.0 ? min(rim.y, uv.y) : rim.y;
    rim *= i_size;
    return min(i_curtain[side - 1], 0.4 * max(min(rim.x, rim.y), 0.0));
}

float lattice_height(ivec2 texel)
{
    return texelFetch(u_heights, ivec3(texel, int(i_about.x)), 0).r;
}

void main()
{
    const int side_texels = LATTICE - 1;
    vec2 uv = in_grid.xy / float(MESH_QUADS);
#ifdef HOLES
    // The mesh ends at the raster's rim. Heights beyond it mean nothing, differ from tile to tile, and reach into
    // the last cell, so the rim takes its height from one cell further in.
    vec2 at = min(uv, i_extent - 1.0 / float(side_texels)) * float(side_texels);
    uv = min(uv, i_extent);
    at = max(at, 0.0);
    ivec2 low = ivec2(at), high = min(low + 1, side_texels);
    vec2 part = at - vec2(low);
    float north = mix(lattice_height(low), lattice_height(ivec2(high.x, low.y)), part.x);
    float south = mix(lattice_height(ivec2(low.x, high.y)), lattice_height(high), part.x);
    float height = mix(north, south, part.y);
#else
    float height = lattice_height(ivec2(in_grid.xy) * (side_texels / MESH_QUADS));
#endif
    float drop = in_grid.z > 0.0 ? curtain(int(in_grid.z), uv) : 0.0;
    vec3 position = i_origin + vec3(uv.x * i_size.x, -uv.y * i_size.y, u_exaggeration * (height - drop));
    gl_Position = u_clip_from_world * vec4(position, 1.0);
#ifdef WIREFRAME
    gl_Position.z -= 2e-5 * gl_Position.w;  // in front of the surface it belongs to
#endif
    v_place = vec3(uv, i_about.z + height);
    v_about = vec3(i_about.xy, i_about.w);
    v_size_m = i_size;
}
