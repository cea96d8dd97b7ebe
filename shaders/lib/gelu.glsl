// Gaussian error linear unit in its exact form (arXiv 1606.08415), the twin of neural/methods/array_api.py.
//
// offers   vec4 erf(vec4 x), vec4 gelu(vec4 x)
// error    of erf, absolute: at most 3e-7, of which 1.5e-7 are Abramowitz & Stegun 7.1.26, used where |x| >= 1

// exp(-x) for x >= 0, relative error at most 2e-7 where it is above 1e-37: GLSL promises less for its own.
vec4 exp_minus(vec4 x)
{
    x = min(x, 87.0);
    vec4 n = floor(x * 1.4426950408889634 + 0.5);
    precise vec4 r = x - n * 0.693359375;  // ln 2 in two parts, the first short enough for exact products
    r = r + n * 0.00021219444005469057;
    vec4 e = 0.008333334 - r * (0.0013888889 - r * 0.00019841270);
    e = 1.0 - r * (1.0 - r * (0.5 - r * (0.16666667 - r * (0.041666668 - r * e))));
    return e * intBitsToFloat((127 - ivec4(n)) << 23);
}

vec4 erf(vec4 x)
{
    vec4 a = abs(x);
    vec4 t = 1.0 / (1.0 + 0.3275911 * a);
    vec4 series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    vec4 far = sign(x) * (1.0 - series * exp_minus(a * a));
    // Where erf is not near 1 that difference rounds too much: Maclaurin series.
    vec4 y = min(a * a, 1.0);
    vec4 near = -1.492565035840625e-05
        + y * (1.6462114365889246e-06 + y * (-1.6365844691234924e-07 + y * 1.4807192815879218e-08));
    near = -0.026866170645131252 + y * (0.005223977625442188 + y * (-0.0008548327023450852
        + y * (0.00012055332981789664 + y * near)));
    near = 1.1283791670955126 + y * (-0.37612638903183754 + y * (0.11283791670955126 + y * near));
    return mix(far, x * near, lessThan(a, vec4(1.0)));
}

vec4 gelu(vec4 x)
{
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}
