// Input of the overlays: one point of the drawn surface.
//
// vec3 overlay(Surface s, vec3 color) returns the drawn color for the lit one, both in linear light (no channel
// is sRGB until shaders/finish.frag). An overlay that colors by value multiplies its own color by s.relief, or by
// something between that and 1; constants go through linear_of() of lib/srgb.glsl.

// float overlay_value(Surface s) is the number behind the color, in the overlay's unit, or NO_VALUE.

const float NO_VALUE = 3e38;  // no value

struct Surface
{
    vec2 uv;  // tile coordinates, v southward
    vec2 size_m;  // of the tile, meters on the ground east and south
    int layer;  // layer of the page's textures
    float level;  // level of detail of the tile
    vec2 gradient;  // meters per meter, east and north
    float z_m;  // true height
    float relief;  // light relative to that on level ground, linear: 1 where the ground is level
    bool measured;  // true if the page's textures hold this tile's errors
};
