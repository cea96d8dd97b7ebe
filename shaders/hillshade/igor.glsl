// Igor's hillshade of Maperitive (I. Brejc), as gdaldem -igor: only slopes turned away from the sun darken, the
// steeper the more, so that colors below stay clean. The sun's altitude plays no part.

float hillshade(vec2 slope)
{
    float steep = length(slope);
    float flat_length = length(u_sun.xy);
    float facing = dot(slope, u_sun.xy) / max(steep * flat_length, 1e-12);  // 1 where turned away
    float away = 1.0 - acos(clamp(facing, -1.0, 1.0)) / 3.14159265;
    return light_of(1.0 - atan(steep) / 1.57079633 * away, 1.0);
}
