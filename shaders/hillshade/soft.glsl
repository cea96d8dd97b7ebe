// Lambert from the sun, which reaches a little past the terminator, and a sky that is brighter overhead: as light.

#ifdef SHADOWS
const float WRAP = 0.0;  // cast shadows begin at the terminator
#else
const float WRAP = 0.18;  // slopes in shade keep some shape
#endif

float hillshade(vec2 slope)
{
    float full = max(u_sun.z, LOWEST_SUN) + WRAP;
    float level = mix((u_sun.z + WRAP) / full, 1.0, SKY);
    float sun = max(sunlight(slope) + WRAP, 0.0) / full;
    return mix(sun, 0.5 + 0.5 * up_of(slope), SKY) / level;
}
