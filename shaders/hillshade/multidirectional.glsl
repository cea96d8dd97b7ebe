// Four suns, each weighted by how well a slope faces towards or away from it: R. Mark, "Multidirectional,
// oblique-weighted, shaded-relief image of the Island of Hawaii" (USGS OFR 92-422), as gdaldem -multidirectional.
// The suns stand 90 and 45 degrees left of, in and 45 degrees right of the sun's azimuth: with 315 degrees at 225,
// 270, 315 and 360, as there.

float hillshade(vec2 slope)
{
    float flat_length = length(u_sun.xy);
    vec2 ahead = flat_length > 0.0 ? u_sun.xy / flat_length : vec2(0.0, 1.0);
    vec2 left = vec2(-ahead.y, ahead.x);
    vec2 half_left = 0.70710678 * (ahead + left), half_right = 0.70710678 * (ahead - left);
    vec4 along = vec4(dot(slope, left), dot(slope, half_left), dot(slope, ahead), dot(slope, half_right));
    float steepness = dot(slope, slope);
    // Squared cosines, which add up to 2; on level ground any will do.
    vec4 weights = steepness > 1e-12 ? along * along / steepness : vec4(0.5);
    float gray = 0.5 * dot(weights, max(u_sun.z - along * flat_length, 0.0)) * up_of(slope);
    return light_of(gray, u_sun.z);
}
