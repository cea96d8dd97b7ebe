// What the overlays are given: one point of the drawn surface.

struct Surface
{
    vec2 uv;  // tile coordinates, v southward
    int layer;  // layer of the page's textures
    vec2 gradient;  // metres per metre, east and north
    float z_m;  // true height
    float relief;  // factor on sRGB colours
    bool measured;  // whether the page's error texture holds this tile
};
