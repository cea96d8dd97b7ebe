// Nodes that are prepared once and shared among tiles (Method.node_passes of neural/methods/base.py).
//
// offers   vec4 of_node(int node, int texel)   a texel of a node, by its number in the tile
// needs    SLOT_COLUMNS

uniform sampler2D u_nodes;  // a node in each row
uniform sampler2D u_slots;  // the row of each of the tile's nodes

vec4 of_node(int node, int texel)
{
    float row = texelFetch(u_slots, ivec2(node % SLOT_COLUMNS, node / SLOT_COLUMNS), 0).r;
    return texelFetch(u_nodes, ivec2(texel, int(row)), 0);
}
