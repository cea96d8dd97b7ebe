// sin and cos with a known error, because GLSL promises none for its own.
//
// offers   void sincos(vec4 x, out vec4 s, out vec4 c)
// error    absolute, at most 2e-7 for |x| <= 1000
//
// Cody-Waite reduction to [-pi/4, pi/4] (pi/2 in three parts, the first two short enough that their products
// with the quadrant are exact), then polynomials fitted for this file to the largest error (Lawson iteration).

vec4 sincos_reduce(vec4 x, vec4 quadrant)
{
    precise vec4 r = x - quadrant * 1.5703125;
    r = r - quadrant * 0.0004837512969970703;
    r = r - quadrant * 7.549790126404332e-08;
    return r;
}

void sincos(vec4 x, out vec4 s, out vec4 c)
{
    vec4 quadrant = floor(x * 0.6366197723675814 + 0.5);
    vec4 r = sincos_reduce(x, quadrant);
    vec4 r2 = r * r;
    vec4 sr = r + r * r2 * (-0.16666653752326965 + r2 * (0.008332131430506706 - r2 * 0.00019510822312440723));
    vec4 cr = 1.0 - 0.5 * r2
        + r2 * r2 * (0.04166664555668831 + r2 * (-0.0013887305976822972 + r2 * 2.443118683004286e-05));
    ivec4 q = ivec4(quadrant);
    bvec4 odd = equal(q & 1, ivec4(1));
    // Quadrants 0..3: sin is sr, cr, -sr, -cr and cos is cr, -sr, -cr, sr.
    s = mix(sr, cr, odd) * vec4(1 - (q & 2));
    c = mix(cr, sr, odd) * vec4(1 - ((q + 1) & 2));
}
