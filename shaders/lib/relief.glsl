// offers   float relief(vec2 gradient)   light relative to that on level ground, linear
// needs    uniforms below
//
// Lambert from the sun plus a sky that is brighter overhead. Level ground always gets 1, so that it shows the
// legend's own colours whatever the sun's altitude.

uniform vec3 u_sun;  // unit vector towards the sun: east, north, up
uniform float u_exaggeration;

const float RELIEF_SKY = 0.42;  // share of level ground's light that comes from the sky
const float RELIEF_WRAP = 0.18;  // how far light reaches past the terminator: slopes in shade keep some shape
const float RELIEF_LOWEST_SUN = 0.30;  // sines below this stop gaining contrast

float relief(vec2 gradient)
{
    float full = max(u_sun.z, RELIEF_LOWEST_SUN) + RELIEF_WRAP;
    float level = mix((u_sun.z + RELIEF_WRAP) / full, 1.0, RELIEF_SKY);
    vec2 slope = u_exaggeration * gradient;
    float up = inversesqrt(1.0 + dot(slope, slope));  // the unit normal's third part
    float sun = max((u_sun.z - dot(slope, u_sun.xy)) * up + RELIEF_WRAP, 0.0) / full;
    float sky = 0.5 + 0.5 * up;
    return mix(sun, sky, RELIEF_SKY) / level;
}
