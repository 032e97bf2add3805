/**
 * @file A camera that circles a point: where it looks from, and the matrix that follows.
 *
 * The world has y up. Moves change a goal; `step` lets the camera glide there, so that wheel notches and
 * touch jitter come out smooth. Angles in radians, distances in the swarm's own units.
 */

export const FIELD_OF_VIEW = 0.75;
const PITCH_MAX = 1.5;
const GLIDE_S = 0.12;
/** How much of the view a fitted box fills. A little more than all: swarms seldom reach their box's corners. */
const FILLED_SHARE = 1.06;

export class Camera {
  constructor() {
    this.goal = { target: [0, 0, 0], distance: 1000, yaw: 0.7, pitch: 0.42 };
    this.now = structuredClone(this.goal);
    /** Whether someone took the camera; then the swarm no longer moves it. */
    this.held = false;
  }

  orbit(deltaX, deltaY) {
    this.held = true;
    this.goal.yaw -= deltaX * 0.006;
    this.goal.pitch = clamp(this.goal.pitch + deltaY * 0.006, -PITCH_MAX, PITCH_MAX);
  }

  /** Moves the target with the pointer. @param {number} viewHeight in the same pixels as the deltas */
  pan(deltaX, deltaY, viewHeight) {
    this.held = true;
    const { right, up } = this.axes();
    const unitsPerPixel = (2 * this.now.distance * Math.tan(FIELD_OF_VIEW / 2)) / viewHeight;
    for (let axis = 0; axis < 3; axis += 1) {
      this.goal.target[axis] += (up[axis] * deltaY - right[axis] * deltaX) * unitsPerPixel;
    }
  }

  zoom(factor) {
    this.held = true;
    this.goal.distance = clamp(this.goal.distance * factor, 1e-3, 1e9);
  }

  /**
   * Looks at a whole box.
   *
   * @param {{min: number[], max: number[]}} bounds
   * @param {number} aspect width over height of the view
   * @param {boolean} atOnce without gliding there
   */
  fit({ min, max }, aspect, atOnce = false) {
    const { right, up, back } = this.axes();
    const half = min.map((low, axis) => Math.max((max[axis] - low) / 2, 1e-3));
    const tangent = FILLED_SHARE * Math.tan(FIELD_OF_VIEW / 2);
    // The nearest distance from which every corner is inside that share of the view.
    let distance = 0;
    for (let corner = 0; corner < 8; corner += 1) {
      const place = half.map((extent, axis) => ((corner >> axis) & 1 ? extent : -extent));
      const reach = Math.max(Math.abs(dot(place, up)), Math.abs(dot(place, right)) / aspect);
      distance = Math.max(distance, dot(place, back) + reach / tangent);
    }
    this.goal.target = min.map((low, axis) => (low + max[axis]) / 2);
    this.goal.distance = distance;
    this.held = false;
    if (atOnce) this.now = structuredClone(this.goal);
  }

  /** @param {number} elapsedS since the last step */
  step(elapsedS) {
    const share = 1 - Math.exp(-elapsedS / GLIDE_S);
    const { now, goal } = this;
    now.target = now.target.map((value, axis) => value + (goal.target[axis] - value) * share);
    now.distance *= (goal.distance / now.distance) ** share;
    now.yaw += (goal.yaw - now.yaw) * share;
    now.pitch += (goal.pitch - now.pitch) * share;
  }

  eye() {
    const { back } = this.axes();
    return this.now.target.map((value, axis) => value + back[axis] * this.now.distance);
  }

  axes() {
    const { yaw, pitch } = this.now;
    const [sinYaw, cosYaw, sinPitch, cosPitch] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
    return {
      right: [cosYaw, 0, -sinYaw],
      up: [-sinYaw * sinPitch, cosPitch, -cosYaw * sinPitch],
      back: [sinYaw * cosPitch, sinPitch, cosYaw * cosPitch],
    };
  }

  /**
   * World to clip space.
   *
   * @param {number} aspect
   * @returns {Float32Array} 4 x 4, column by column
   */
  matrix(aspect) {
    const { right, up, back } = this.axes();
    const eye = this.eye();
    const near = this.now.distance * 0.01;
    const far = this.now.distance * 40;
    const scaleY = 1 / Math.tan(FIELD_OF_VIEW / 2);
    const scaleX = scaleY / aspect;
    const depth = (far + near) / (near - far);
    const shift = (2 * far * near) / (near - far);
    const rows = [
      row(right, eye, scaleX),
      row(up, eye, scaleY),
      row(back, eye, depth).map((value, column) => value + (column === 3 ? shift : 0)),
      row(back, eye, -1),
    ];
    return Float32Array.from({ length: 16 }, (_, at) => rows[at % 4][Math.floor(at / 4)]);
  }
}

function row(axis, eye, scale) {
  return [axis[0] * scale, axis[1] * scale, axis[2] * scale, -dot(axis, eye) * scale];
}

function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
