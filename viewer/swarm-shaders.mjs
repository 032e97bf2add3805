/**
 * @file The GLSL of the swarm's picture.
 *
 * Records come as they lie in an AGNT frame: `id`, `position`, `velocity` are attributes with stride 28 and
 * one instance per agent; the shape of an agent is made from `gl_VertexID`, so no other buffer exists.
 * A record whose position holds NaN is put outside the clip space, which draws nothing.
 */

const COMMON = `#version 300 es
precision highp float;
precision highp int;
uniform mat4 worldToClip;
uniform vec2 viewPixels;
uniform vec2 speedRange;
uniform float liveliness;

const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);

bool gone(vec3 place) {
  return any(isnan(place)) || any(isinf(place));
}

float speedShare(vec3 velocity) {
  float share = (length(velocity) - speedRange.x) / max(speedRange.y - speedRange.x, 1e-20);
  return clamp(share, 0.0, 1.0);
}

// From deep blue over teal to pale yellow: lightness grows all the way, so that the order survives any kind
// of colour blindness and a grey print.
vec3 speedColour(float share) {
  vec3 slow = vec3(0.20, 0.36, 0.86);
  vec3 middle = vec3(0.13, 0.72, 0.78);
  vec3 fast = vec3(1.00, 0.86, 0.42);
  vec3 low = mix(slow, middle, smoothstep(0.0, 0.55, share));
  vec3 colour = mix(low, fast, smoothstep(0.45, 1.0, share));
  vec3 grey = vec3(dot(colour, vec3(0.3, 0.59, 0.11))) * 0.55;
  return mix(grey, colour, liveliness);
}
`;

/** Agents: small darts that point where they fly, of nearly constant size on the screen. */
export const AGENT_VERTEX = `${COMMON}
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 velocity;
uniform float aheadS;
uniform float sizePixels;
uniform float focusDepth;
uniform float unitsPerPixelAtDepthOne;
out vec3 colour;

const vec3 NOSE = vec3(1.25, 0.0, 0.0);
const vec3 LEFT = vec3(-0.85, -0.08, -0.62);
const vec3 RIGHT = vec3(-0.85, -0.08, 0.62);
const vec3 CREST = vec3(-0.55, 0.34, 0.0);
const vec3 CORNERS[12] = vec3[12](
  NOSE, CREST, LEFT,  NOSE, RIGHT, CREST,  NOSE, LEFT, RIGHT,  LEFT, CREST, RIGHT);

void main() {
  vec3 place = position + velocity * aheadS;
  if (gone(position)) {
    gl_Position = NOWHERE;
    return;
  }
  float speed = length(velocity);
  vec3 forward = speed > 0.0 && !isinf(speed) ? velocity / speed : vec3(1.0, 0.0, 0.0);
  vec3 reference = abs(forward.y) < 0.98 ? vec3(0.0, 1.0, 0.0) : vec3(1.0, 0.0, 0.0);
  vec3 side = normalize(cross(forward, reference));
  mat3 heading = mat3(forward, cross(side, forward), side);

  float depth = (worldToClip * vec4(place, 1.0)).w;
  float pixels = clamp(sizePixels * focusDepth / max(depth, 1e-20), 0.45 * sizePixels, 2.6 * sizePixels);
  vec3 corner = CORNERS[gl_VertexID] * pixels * depth * unitsPerPixelAtDepthOne;
  gl_Position = worldToClip * vec4(place + heading * corner, 1.0);

  int face = gl_VertexID / 3;
  vec3 a = CORNERS[3 * face + 1] - CORNERS[3 * face];
  vec3 b = CORNERS[3 * face + 2] - CORNERS[3 * face];
  vec3 normal = heading * normalize(cross(b, a));
  float light = 0.62 + 0.38 * dot(normal, normalize(vec3(0.35, 0.9, 0.25)));
  float haze = clamp(focusDepth * 1.25 / max(depth, 1e-20), 0.35, 1.0);
  colour = speedColour(speedShare(velocity)) * light * haze * 1.12;
}
`;

export const AGENT_FRAGMENT = `#version 300 es
precision highp float;
in vec3 colour;
out vec4 pixel;
void main() {
  pixel = vec4(colour, 1.0);
}
`;

/**
 * Trails: a ribbon between the same agent's records in two frames. Both frames lie in the GPU as they
 * arrived; where their ids differ (a slot was given to another agent), or the way between them is farther
 * than the velocity could have carried (a jump), nothing is drawn.
 */
export const TRAIL_VERTEX = `${COMMON}
layout(location = 0) in vec3 newPosition;
layout(location = 1) in vec3 newVelocity;
layout(location = 2) in uint newId;
layout(location = 3) in vec3 oldPosition;
layout(location = 4) in uint oldId;
uniform float aheadS;
uniform float reachS;
uniform float widthPixels;
uniform vec2 fade;
out vec4 colour;

void main() {
  vec3 newPlace = newPosition + newVelocity * aheadS;
  float speed = length(newVelocity);
  bool jumped = distance(newPosition, oldPosition) > speed * reachS;
  if (newId != oldId || jumped || gone(newPosition) || gone(oldPosition)) {
    gl_Position = NOWHERE;
    return;
  }
  vec4 newClip = worldToClip * vec4(newPlace, 1.0);
  vec4 oldClip = worldToClip * vec4(oldPosition, 1.0);
  if (newClip.w <= 0.0 || oldClip.w <= 0.0) {
    gl_Position = NOWHERE;
    return;
  }
  bool atOld = gl_VertexID >= 2;
  float side = (gl_VertexID & 1) == 0 ? -1.0 : 1.0;
  vec2 way = (newClip.xy / newClip.w - oldClip.xy / oldClip.w) * viewPixels;
  vec2 across = dot(way, way) > 1e-6 ? normalize(vec2(-way.y, way.x)) : vec2(0.0, 1.0);
  float strength = atOld ? fade.y : fade.x;
  vec4 clip = atOld ? oldClip : newClip;
  clip.xy += across * side * widthPixels * mix(0.35, 1.0, strength) * clip.w / viewPixels;
  gl_Position = clip;
  colour = vec4(speedColour(speedShare(newVelocity)), 1.0) * pow(strength, 1.6) * 0.55;
}
`;

export const TRAIL_FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour;
out vec4 pixel;
void main() {
  pixel = vec4(colour.rgb * 0.8, colour.a);
}
`;

/** Shadows: a soft disc under each agent on the ground, which tells its height. */
export const SHADOW_VERTEX = `${COMMON}
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 velocity;
uniform float aheadS;
uniform float groundY;
uniform float radius;
out vec2 across;

void main() {
  if (gone(position)) {
    gl_Position = NOWHERE;
    return;
  }
  across = vec2((gl_VertexID & 1) == 0 ? -1.0 : 1.0, (gl_VertexID & 2) == 0 ? -1.0 : 1.0);
  vec3 place = position + velocity * aheadS;
  gl_Position = worldToClip * vec4(place.x + across.x * radius, groundY, place.z + across.y * radius, 1.0);
}
`;

export const SHADOW_FRAGMENT = `#version 300 es
precision highp float;
in vec2 across;
out vec4 pixel;
void main() {
  float cover = 1.0 - smoothstep(0.1, 1.0, length(across));
  pixel = vec4(0.0, 0.0, 0.0, cover * 0.5);
}
`;

/** The ground: two grids, the finer one ten times, both fading out with the distance from the focus. */
export const GROUND_VERTEX = `${COMMON}
uniform vec3 groundCentre;
uniform float groundRadius;
out vec2 place;

void main() {
  vec2 corner = vec2((gl_VertexID & 1) == 0 ? -1.0 : 1.0, (gl_VertexID & 2) == 0 ? -1.0 : 1.0);
  place = corner * groundRadius;
  gl_Position = worldToClip * vec4(groundCentre + vec3(place.x, 0.0, place.y), 1.0);
}
`;

export const GROUND_FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 groundCentre;
uniform float groundRadius;
uniform float gridUnits;
uniform float liveliness;
in vec2 place;
out vec4 pixel;

float lines(float cell) {
  vec2 at = (place + mod(groundCentre.xz, cell)) / cell;
  vec2 width = max(fwidth(at), 1e-6);
  vec2 near = abs(fract(at - 0.5) - 0.5) / width;
  float crowded = 1.0 - smoothstep(0.15, 0.5, max(width.x, width.y));
  return (1.0 - min(min(near.x, near.y), 1.0)) * crowded;
}

void main() {
  float reach = length(place) / groundRadius;
  float fade = pow(max(0.0, 1.0 - reach), 1.6);
  float strength = max(lines(gridUnits) * 0.34, lines(gridUnits / 5.0) * 0.10);
  float alpha = strength * fade;
  float glow = 0.05 * pow(max(0.0, 1.0 - reach * 1.6), 2.0);
  vec3 tint = mix(vec3(0.30, 0.33, 0.38), vec3(0.36, 0.52, 0.78), liveliness);
  pixel = vec4(tint * (alpha + glow), alpha);
}
`;

/** The sky: one triangle over the whole view, darker towards the rim. */
export const SKY_VERTEX = `#version 300 es
out vec2 place;
void main() {
  place = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(place, 0.0, 1.0);
}
`;

export const SKY_FRAGMENT = `#version 300 es
precision highp float;
in vec2 place;
out vec4 pixel;
void main() {
  vec3 rim = vec3(0.020, 0.027, 0.045);
  vec3 heart = vec3(0.051, 0.075, 0.118);
  float near = smoothstep(1.5, 0.0, length(place * vec2(1.0, 1.15) - vec2(0.0, 0.1)));
  // A grain below one step of brightness keeps the gradient from showing bands.
  uvec2 at = uvec2(gl_FragCoord.xy);
  uint mixed = (at.x * 2654435769u) ^ (at.y * 2246822519u);
  mixed = (mixed ^ (mixed >> 15)) * 2654435769u;
  float grain = float(mixed >> 8) / 16777216.0 - 0.5;
  pixel = vec4(mix(rim, heart, near) + grain / 255.0, 1.0);
}
`;
