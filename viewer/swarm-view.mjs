/**
 * @file Draws a swarm with WebGL2, from the bytes as they arrived.
 *
 * ```js
 * const view = new SwarmView(canvas, swarm);
 * requestAnimationFrame(function draw() { view.draw(); requestAnimationFrame(draw); });
 * ```
 *
 * Invariants:
 * - A layer is uploaded at most once an animation frame, whatever the stream's rate; ticks that came in between
 *   are never uploaded.
 * - No tick is read here. Attributes point into the message: id at byte 12, position at 16, velocity
 *   at 28, stride 28.
 * - Between two ticks agents move on by their velocity, for two ticks at most.
 */

import { FIRST_RECORD_OFFSET, RECORD_BYTES } from "./agnt-codec.mjs";
import { Camera, FIELD_OF_VIEW } from "./camera.mjs";
import { Detail } from "./detail.mjs";
import { DotFinder, nearestDot } from "./dots.mjs";
import { GpuLayer, TRAIL_POINTS_MAX } from "./gpu-layer.mjs";
import { GpuProgram } from "./gpu-program.mjs";
import { Projection } from "./projection.mjs";
import * as shaders from "./swarm-shaders.mjs";
import { TrailPast } from "./trail-past.mjs";

const ID_OFFSET = FIRST_RECORD_OFFSET;
const POSITION_OFFSET = FIRST_RECORD_OFFSET + 4;
const VELOCITY_OFFSET = FIRST_RECORD_OFFSET + 16;
const QUAD_VERTICES = 4;
const TICKS_AHEAD_MAX = 2;
const SURVEY_MS = 500;
const SPEED_SAMPLES = 512;
/** The length of a trail as a share of the swarm's radius, and the time between its points that this may give. */
const TRAIL_SHARE = 0.16;
const TRAIL_STEP_MS_MIN = 80;
const TRAIL_STEP_MS_MAX = 1500;
/** A trail segment longer than this many times the way at the agent's speed is a jump, not a flight. */
const JUMP_FACTOR = 100;

export class SwarmView {
  #canvas;
  #swarm;
  #detail;
  #gl;
  #programs = null;
  #gpuLayers = new Map();
  #fitted = false;
  #box = { min: [-1, -1, -1], max: [1, 1, 1] };
  #stage = this.#box;
  #stageGoal = this.#box;
  #speedRange = [0, 1];
  #trailStepMs = TRAIL_STEP_MS_MIN;
  #surveyedAtMs = -Infinity;
  #drawnAtMs = 0;
  #liveliness = 0;
  #tickAtMs = 0;
  #tickMs = 0;
  #aheadS = 0;
  #finder;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./swarm.mjs").Swarm} swarm
   * @param {Detail} detail
   * @throws {Error} where the browser has no WebGL2
   */
  constructor(canvas, swarm, detail = new Detail()) {
    this.#canvas = canvas;
    this.#swarm = swarm;
    this.#detail = detail;
    this.#finder = new DotFinder(swarm);
    this.#gl = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "high-performance" });
    if (this.#gl === null) throw new Error("this browser offers no WebGL2");
    this.camera = new Camera();
    /** Whether the swarm is up to date; a stale one is drawn grey. */
    this.live = false;
    this.drawnFrames = 0;
    this.uploadsUnparsed = 0;
    this.uploadsDecoded = 0;
    this.uploadsBySlot = 0;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.#programs = null;
      this.#gpuLayers.clear();
    });
    canvas.addEventListener("webglcontextrestored", () => this.#prepare());
    this.#prepare();
  }

  /** The edge of one cell of the coarse grid, in the swarm's units. */
  get gridUnits() {
    const decade = 10 ** Math.floor(Math.log10(this.#radius() / 2));
    const multiple = this.#radius() / 2 / decade;
    return decade * (multiple >= 5 ? 5 : multiple >= 2 ? 2 : 1);
  }

  /** The speeds at the two ends of the colour scale, in units per second. */
  get speedRange() {
    return this.#speedRange;
  }

  /** Tells the view that the swarm took a tick. @param {number} receivedAtMs on the clock of `draw` */
  ticked(receivedAtMs) {
    const sinceMs = receivedAtMs - this.#tickAtMs;
    if (sinceMs > 0 && sinceMs < 1000) {
      this.#tickMs = this.#tickMs === 0 ? sinceMs : this.#tickMs + (sinceMs - this.#tickMs) * 0.1;
    }
    this.#tickAtMs = receivedAtMs;
  }

  /** Shows the whole swarm. @param {boolean} atOnce without gliding there */
  fit(atOnce = false) {
    this.#survey();
    this.#stageGoal = this.#box;
    if (atOnce) this.#stage = this.#box;
    this.camera.fit(this.#box, this.#canvas.clientWidth / this.#canvas.clientHeight, atOnce);
  }

  /**
   * The agent whose dot is nearest to a place in the picture.
   *
   * @param {number} x in CSS pixels, as `y` and `reach`
   * @param {number} y
   * @param {number} reach
   * @returns {number|null} its id, or null where none is near
   */
  dotAt(x, y, reach) {
    return nearestDot(this.#swarm, this.#projection(), x, y, reach);
  }

  /** Where an agent's dot is in the picture. @param {number} id @returns {{x: number, y: number}|null} */
  placeOf(id) {
    const record = this.#finder.find(id);
    const place = [0, 0];
    if (record === null || !this.#projection().place(record.floats, record.at, place)) return null;
    return { x: place[0], y: place[1] };
  }

  /** The newest record of an agent. @param {number} id @returns {{floats: Float32Array, at: number}|null} */
  recordOf(id) {
    return this.#finder.find(id);
  }

  /** Draws one frame, unless the detail asks for a rest. @param {number} nowMs */
  draw(nowMs = performance.now()) {
    if (!this.#detail.due(nowMs)) {
      // Trails get their points while drawing rests, so that they stay as round.
      if ([...this.#gpuLayers.values()].some((layer) => layer.stepDue(nowMs))) this.#uploadLayers(nowMs);
      return;
    }
    const elapsedS = Math.min(0.1, (nowMs - this.#drawnAtMs) / 1000);
    this.#drawnAtMs = nowMs;
    this.#liveliness += ((this.live ? 1 : 0) - this.#liveliness) * Math.min(1, elapsedS * 5);
    if (nowMs - this.#surveyedAtMs > SURVEY_MS) {
      this.#surveyedAtMs = nowMs;
      this.#survey();
      if (!this.#fitted && this.#swarm.agents > 0) {
        this.fit(true);
        this.#fitted = true;
      } else if (outgrew(this.#box, this.#stageGoal)) {
        // Someone who took the camera keeps it; the ground follows all the same.
        if (this.camera.held) this.#stageGoal = this.#box;
        else this.fit();
      }
    }
    this.#glideStage(elapsedS);
    this.camera.step(elapsedS);
    if (this.#programs === null) return;
    this.#resize();
    this.#uploadLayers(nowMs);
    this.#paint(nowMs);
    this.drawnFrames += 1;
  }

  #prepare() {
    const gl = this.#gl;
    this.#programs = {
      agent: new GpuProgram(gl, shaders.AGENT_VERTEX, shaders.AGENT_FRAGMENT),
      trail: new GpuProgram(gl, shaders.TRAIL_VERTEX, shaders.TRAIL_FRAGMENT),
      shadow: new GpuProgram(gl, shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT),
      ground: new GpuProgram(gl, shaders.GROUND_VERTEX, shaders.GROUND_FRAGMENT),
      sky: new GpuProgram(gl, shaders.SKY_VERTEX, shaders.SKY_FRAGMENT),
    };
    for (let location = 0; location < 5; location += 1) gl.vertexAttribDivisor(location, 1);
    // Trails are light: they add to what is behind them, in part.
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  #survey() {
    this.#box = this.#swarm.bounds() ?? this.#box;
    const speeds = this.#swarm.sampleSpeeds(SPEED_SAMPLES);
    if (speeds.length === 0) return;
    const at = (share) => speeds[Math.floor(share * (speeds.length - 1))];
    const trailMs = (1000 * TRAIL_SHARE * radiusOf(this.#box)) / at(0.5);
    const stepMs = trailMs / (TRAIL_POINTS_MAX - 1);
    this.#trailStepMs = Math.min(TRAIL_STEP_MS_MAX, Math.max(TRAIL_STEP_MS_MIN, stepMs));
    const [low, high] = [at(0.04), at(0.97)];
    // A swarm of one speed has no slow and fast; it gets the middle of the scale.
    const narrow = high - low < 0.02 * high;
    const range = narrow ? [low * 0.5, high * 1.5 || 1] : [low, high];
    const share = this.#fitted ? 0.2 : 1;
    this.#speedRange = this.#speedRange.map((edge, index) => edge + (range[index] - edge) * share);
  }

  /** The ground and its grid stand under the stage, which glides to where the swarm has moved. */
  #glideStage(elapsedS) {
    const share = 1 - Math.exp(-elapsedS * 2);
    const glide = (from, to) => from.map((edge, axis) => edge + (to[axis] - edge) * share);
    this.#stage = {
      min: glide(this.#stage.min, this.#stageGoal.min),
      max: glide(this.#stage.max, this.#stageGoal.max),
    };
  }

  #radius() {
    return radiusOf(this.#stage);
  }

  #projection() {
    const { clientWidth, clientHeight } = this.#canvas;
    return new Projection(this.camera.matrix(clientWidth / clientHeight), clientWidth, clientHeight, this.#aheadS);
  }

  #resize() {
    const ratio = Math.min(this.#detail.current.pixelRatioMax, globalThis.devicePixelRatio || 1);
    const width = Math.max(1, Math.round(this.#canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.#canvas.clientHeight * ratio));
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
  }

  #uploadLayers(nowMs) {
    const layers = this.#swarm.layers();
    const trails = { segmentsMax: this.#detail.current.segmentsMax, stepMs: this.#trailStepMs };
    const reordered = layers.filter((layer) => this.#gpuLayers.get(layer)?.shape !== layer.shape);
    const past = reordered.length === 0 ? null : new TrailPast(this.#gpuLayers.values());
    const kept = new Set(layers.filter((layer) => !reordered.includes(layer)));
    for (const [layer, gpuLayer] of this.#gpuLayers) {
      if (kept.has(layer)) continue;
      gpuLayer.free();
      this.#gpuLayers.delete(layer);
    }
    for (const layer of reordered) {
      const gpuLayer = new GpuLayer(this.#gl);
      gpuLayer.seed(layer, past, trails);
      this.#gpuLayers.set(layer, gpuLayer);
    }
    for (const layer of layers) {
      const gpuLayer = this.#gpuLayers.get(layer);
      if (gpuLayer.version === layer.version) continue;
      gpuLayer.upload(layer, nowMs, trails);
      if (layer.unparsed) this.uploadsUnparsed += 1;
      else if (layer.decoded) this.uploadsDecoded += 1;
      else this.uploadsBySlot += 1;
    }
  }

  #paint(nowMs) {
    const gl = this.#gl;
    const { agent, trail, shadow, ground, sky } = this.#programs;
    const { width, height } = this.#canvas;
    const ratio = width / Math.max(1, this.#canvas.clientWidth);
    const agents = this.#swarm.agents;
    const aheadMs = Math.min(nowMs - this.#tickAtMs, TICKS_AHEAD_MAX * this.#tickMs);
    const aheadS = this.live ? Math.max(0, aheadMs) / 1000 : 0;
    this.#aheadS = aheadS;
    const groundY = this.#stage.min[1] - 0.06 * this.#radius();
    const common = {
      worldToClip: this.camera.matrix(width / height),
      viewPixels: [width, height],
      speedRange: this.#speedRange,
      liveliness: 0.25 + 0.75 * this.#liveliness,
      aheadS,
    };

    gl.viewport(0, 0, width, height);
    gl.depthMask(true);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.BLEND);
    this.#disableAttributes();
    sky.use({});
    gl.drawArrays(gl.TRIANGLES, 0, 3);

    gl.enable(gl.BLEND);
    const centre = centreOf(this.#stage);
    ground.use({
      ...common,
      groundCentre: [centre[0], groundY, centre[2]],
      groundRadius: this.#radius() * 3.2,
      gridUnits: this.gridUnits,
    });
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, QUAD_VERTICES);
    if (agents <= this.#detail.current.shadowsMax) {
      shadow.use({ ...common, groundY, radius: this.#radius() * 0.011 });
      this.#drawNewest(gl.TRIANGLE_STRIP, QUAD_VERTICES);
    }

    gl.enable(gl.DEPTH_TEST);
    gl.disable(gl.BLEND);
    agent.use({
      ...common,
      sizePixels: ratio * agentPixels(agents),
      focusDepth: this.camera.now.distance,
      unitsPerPixelAtDepthOne: (2 * Math.tan(FIELD_OF_VIEW / 2)) / height,
    });
    this.#drawNewest(gl.TRIANGLES, this.#detail.current.agentVertices);

    gl.enable(gl.BLEND);
    gl.depthMask(false);
    trail.use({ ...common, widthPixels: 1.7 * ratio, reachS: (JUMP_FACTOR * this.#trailStepMs) / 1000 });
    for (const gpuLayer of this.#gpuLayers.values()) {
      gpuLayer.eachSegment(nowMs, ({ newer, older, count, age, fade }) => {
        this.#pointAt(newer.buffer, [[0, POSITION_OFFSET], [1, VELOCITY_OFFSET]], 2);
        this.#pointAt(older.buffer, [[3, POSITION_OFFSET]], 4);
        trail.set({ fade, aheadS: age === 0 ? aheadS : 0 });
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, QUAD_VERTICES, count);
      });
    }
  }

  #drawNewest(mode, vertices) {
    for (const gpuLayer of this.#gpuLayers.values()) {
      for (const { buffer, count } of gpuLayer.newest()) {
        if (count === 0) continue;
        this.#pointAt(buffer, [[0, POSITION_OFFSET], [1, VELOCITY_OFFSET]]);
        this.#gl.drawArraysInstanced(mode, 0, vertices, count);
      }
    }
  }

  #pointAt(buffer, vectors, idLocation) {
    const gl = this.#gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    for (const [location, offset] of vectors) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, 3, gl.FLOAT, false, RECORD_BYTES, offset);
    }
    if (idLocation !== undefined) {
      gl.enableVertexAttribArray(idLocation);
      gl.vertexAttribIPointer(idLocation, 1, gl.UNSIGNED_INT, RECORD_BYTES, ID_OFFSET);
    }
  }

  #disableAttributes() {
    for (let location = 0; location < 5; location += 1) this.#gl.disableVertexAttribArray(location);
  }
}

/** Fewer agents are drawn larger; a hundred thousand become dots. */
function agentPixels(agents) {
  return Math.min(11, Math.max(2.2, 42 / Math.max(1, agents) ** 0.25));
}

function centreOf({ min, max }) {
  return min.map((low, axis) => (low + max[axis]) / 2);
}

/** Half of a box's ground diagonal. */
function radiusOf({ min, max }) {
  return Math.max(1e-3, Math.hypot(max[0] - min[0], max[2] - min[2]) / 2);
}

/** Whether a swarm no longer fits what was made ready for it. */
function outgrew(box, stage) {
  const growth = radiusOf(box) / radiusOf(stage);
  const [centre, stageCentre] = [centreOf(box), centreOf(stage)];
  const away = Math.hypot(...centre.map((value, axis) => value - stageCentre[axis]));
  return growth > 1.3 || growth < 0.5 || away > 0.4 * radiusOf(stage);
}
