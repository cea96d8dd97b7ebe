// Sun and sky over a slope: functions shared by shaders/hillshade.
//
// offers   float up_of(vec2 slope)                third part of the unit normal
//          float sunlight(vec2 slope)             cosine of the angle between normal and sun, below 0 where turned away
//          float light_of(float gray, float level)   a gray value made for the display as light
//          float shadowed(float light, vec2 slope, float lit)   light where only a share of the sun arrives
// needs    uniforms below
//
// Level ground always gets 1, so that it shows the legend's own colors whatever the sun's altitude.

uniform vec3 u_sun;  // unit vector towards the sun: east, north, up

const float SKY = 0.42;  // share of level ground's light that comes from the sky
const float LOWEST_SUN = 0.30;  // sines of the sun's altitude below this stop gaining contrast

float up_of(vec2 slope)
{
    return inversesqrt(1.0 + dot(slope, slope));
}

float sunlight(vec2 slope)
{
    return (u_sun.z - dot(slope, u_sun.xy)) * up_of(slope);
}

// Hillshades of the literature are gray values for the display, 0 to 1, and `level` on level ground. Divided by that
// and decoded, they multiply light as they would multiply sRGB values.
float light_of(float gray, float level)
{
    return pow(max(1.0 + (gray - level) / max(level, LOWEST_SUN), 0.0), 2.2);
}

// Skylight reaches shadows and slopes turned away from the sun as well.
float shadowed(float light, vec2 slope, float lit)
{
    float level = mix(min(u_sun.z / LOWEST_SUN, 1.0), 1.0, SKY);
    float sky = SKY * (0.5 + 0.5 * up_of(slope)) / level;
    return max(mix(sky, light, lit), sky);
}
