// The cosine between normal and sun: B. Horn, "Hill shading and the reflectance map" (Proc. IEEE 69, 1981), as
// gdaldem hillshade draws it, but from analytic gradients.

float hillshade(vec2 slope)
{
    return light_of(max(sunlight(slope), 0.0), u_sun.z);
}
