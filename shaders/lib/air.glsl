// Sky and haze, in linear light: calm, never as saturated as terrain, a little warmer while the sun is low.
//
// offers   vec3 ray_of(vec2 pixel)                  from the eye through a pixel, view depth 1
//          vec3 haze(vec3 direction)                the sky's color at the horizon below or above a direction
//          vec3 sky(vec3 direction)                 the background's color; both take unit vectors
//          vec3 through_air(vec3 color, vec3 to)   a color seen from the eye over the way `to`, meters
// needs    sun.glsl's u_sun, uniforms below (viewer/graphics/light.py)
//
// Air thins out exponentially with height. Transmission follows Koschmieder's law, contrast falling with
// exp(-optical depth), as in outdoor visibility.

uniform vec3 u_right;  // half the picture's width at view depth 1
uniform vec3 u_up;  // half its height
uniform vec3 u_forward;
uniform vec2 u_size_px;  // of the picture
uniform vec3 u_air;  // extinction at the area's lowest height, 1/m; height in which it falls to 1/e, m; eye's height, m

const vec3 ZENITH = vec3(0.107, 0.179, 0.296);
const vec3 HORIZON = vec3(0.604, 0.674, 0.730);
const vec3 BELOW = vec3(0.274, 0.307, 0.342);
const vec3 NADIR = vec3(0.155, 0.179, 0.205);
const vec3 DUSK = vec3(0.80, 0.44, 0.22);

vec3 ray_of(vec2 pixel)
{
    vec2 ndc = 2.0 * pixel / u_size_px - 1.0;
    return u_forward + ndc.x * u_right + ndc.y * u_up;
}

// Share of the light that gets through a way of some length which climbs `up` per meter.
float transmission(float length_m, float up)
{
    float x = max(up * length_m / u_air.y, -40.0);
    float mean = abs(x) < 1e-3 ? 1.0 - 0.5 * x : (1.0 - exp(-x)) / x;
    return exp(-u_air.x * length_m * mean * exp(-u_air.z / u_air.y));
}

vec3 haze(vec3 direction)
{
    float low = 1.0 - smoothstep(0.05, 0.40, u_sun.z);
    float towards = 0.5 + 0.5 * dot(direction.xy, u_sun.xy) * inversesqrt(
        max(dot(direction.xy, direction.xy) * dot(u_sun.xy, u_sun.xy), 1e-12));
    return mix(HORIZON, DUSK, low * (0.15 + 0.55 * towards * towards)) * (1.0 - 0.15 * low);
}

vec3 sky(vec3 direction)
{
    float up = direction.z;
    vec3 horizon = haze(direction);
    float low = 1.0 - smoothstep(0.05, 0.40, u_sun.z);
    vec3 above = mix(horizon, ZENITH * (1.0 - 0.4 * low), pow(clamp(up, 0.0, 1.0), 0.6));
    above += (0.06 + 0.30 * low) * pow(max(dot(direction, u_sun), 0.0), 24.0) * mix(vec3(1.0), DUSK, low);
    vec3 below = mix(BELOW, NADIR, clamp(-1.2 * up, 0.0, 1.0)) * (1.0 - 0.3 * low);
    if (u_air.x > 0.0) {
        // The ground goes on as a plane at the area's lowest height.
        float length_m = up < 0.0 ? min(u_air.z / -up, 1e7) : 1e7;
        float clear = transmission(length_m, up);
        above = mix(horizon, above, clear);
        below = mix(horizon, below, clear);
    }
    return mix(below, above, smoothstep(-0.06, 0.01, up));
}

vec3 through_air(vec3 color, vec3 to)
{
    float length_m = length(to);
    vec3 direction = to / length_m;
    return mix(haze(direction), color, transmission(length_m, direction.z));
}
