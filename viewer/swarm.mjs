/**
 * @file The newest record of each agent, kept in the bytes that the GPU takes.
 *
 * The swarm is a set of layers. A layer is one or more chunks of bytes laid out as a POSITION_UPDATE frame
 * (records of 28 bytes from byte 12), so that all layers are drawn alike:
 *
 * - A run is one publisher's tick, exactly as it arrived. While ticks keep the ids and the order of the one
 *   before, each replaces the run's chunks unparsed: no record is copied or moved. Only a tick that is lent,
 *   because it was decoded into memory that the next one overwrites, is copied in one piece.
 * - The slots are a table by id, for all agents of no run: those of partial updates, of state frames, and of
 *   ticks whose ids change.
 *
 * Invariants:
 * - Every agent lives in exactly one layer.
 * - A shape (the ids of a tick, in order) becomes a run when it is seen for the second time. A tick that
 *   touches a run's agents in another shape dissolves the run into the slots. A shape that was dissolved
 *   `DISSOLVED_MAX` times stays in the slots, so that alternating shapes cannot make this thrash.
 * - NaN in x means that the agent is gone: it is not counted, and not drawn.
 */

import { RECORD_WORDS } from "./agnt-frame.mjs";
import { RecordBuffer } from "./agnt-records.mjs";

const SHAPES_KEPT = 64;
const DISSOLVED_MAX = 3;

/**
 * @typedef {object} Chunk
 * @property {Uint8Array} bytes a frame, or records laid out like one
 * @property {number} count of records
 * @property {Uint32Array} words from the first record on
 * @property {Float32Array} floats the same memory
 *
 * @typedef {object} Layer
 * @property {Chunk[]} chunks
 * @property {number} version grows with each change
 * @property {number} shape changes with the ids and their order
 * @property {boolean} unparsed whether its chunks are what the network delivered, never written to again
 * @property {boolean} decoded whether they are a tick that came in an encoding
 */

export class Swarm {
  #runs = new Set();
  #runOfId = new Map();
  #shapes = new Map();
  #slots = new Slots();

  constructor() {
    this.ticksUnparsed = 0;
    this.ticksDecoded = 0;
    this.ticksBySlot = 0;
  }

  /** The number of agents that are there. */
  get agents() {
    let agents = this.#slots.alive;
    for (const run of this.#runs) agents += run.alive;
    return agents;
  }

  /** @returns {Layer[]} in no particular order, layers without agents left out */
  layers() {
    const layers = [...this.#runs];
    if (this.#slots.alive > 0) layers.push(this.#slots);
    return layers;
  }

  /** Forgets all agents. */
  clear() {
    this.#runs.clear();
    this.#runOfId.clear();
    this.#shapes.clear();
    this.#slots = new Slots();
  }

  /** @param {import("./agnt-client.mjs").Tick} tick */
  apply(tick) {
    if (tick.first) this.clear();
    const { alive, hash, records } = survey(tick.frames);
    if (records === 0) return;
    const run = this.#runLike(tick.frames, hash);
    if (run !== undefined) {
      this.#count(tick);
      run.replace(tick.frames, alive);
      if (alive === 0) this.#drop(run);
      return;
    }
    const shape = this.#shape(hash);
    shape.seen += 1;
    if (shape.seen > 1 && shape.dissolved < DISSOLVED_MAX && !tick.keyframe && alive > 0) {
      this.#count(tick);
      this.#adopt(tick.frames, alive, hash);
    } else {
      this.ticksBySlot += 1;
      this.#store(tick.frames, tick.keyframe);
    }
  }

  /**
   * The corners of the box that holds all agents.
   *
   * @returns {{min: number[], max: number[]} | null} null where there is none
   */
  bounds() {
    const min = [Infinity, Infinity, Infinity];
    const max = [-Infinity, -Infinity, -Infinity];
    this.#eachChunk(({ floats, count }) => {
      for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) {
        for (let axis = 0; axis < 3; axis += 1) {
          const value = floats[at + 1 + axis];
          if (!Number.isFinite(value) || Number.isNaN(floats[at + 1])) continue;
          if (value < min[axis]) min[axis] = value;
          if (value > max[axis]) max[axis] = value;
        }
      }
    });
    return min.every((low, axis) => low <= max[axis]) ? { min, max } : null;
  }

  /**
   * Speeds of some agents, evenly picked and sorted.
   *
   * @param {number} samplesMax
   * @returns {number[]} units per second
   */
  sampleSpeeds(samplesMax) {
    const step = Math.max(1, Math.floor(this.agents / samplesMax));
    const speeds = [];
    this.#eachChunk(({ floats, count }) => {
      for (let index = 0; index < count; index += step) {
        const at = index * RECORD_WORDS;
        const speed = Math.hypot(floats[at + 4], floats[at + 5], floats[at + 6]);
        if (!Number.isNaN(floats[at + 1]) && Number.isFinite(speed)) speeds.push(speed);
      }
    });
    return speeds.sort((a, b) => a - b);
  }

  #count({ frames }) {
    if (isLent(frames)) this.ticksDecoded += 1;
    else this.ticksUnparsed += 1;
  }

  #eachChunk(visit) {
    for (const layer of this.layers()) layer.chunks.forEach(visit);
  }

  #runLike(frames, hash) {
    for (const run of this.#runs) {
      if (run.hash === hash && run.hasShapeOf(frames)) return run;
    }
    return undefined;
  }

  #shape(hash) {
    const shape = this.#shapes.get(hash) ?? { seen: 0, dissolved: 0 };
    // Taken out and put back, so that the first key is the one unseen for longest.
    this.#shapes.delete(hash);
    this.#shapes.set(hash, shape);
    if (this.#shapes.size > SHAPES_KEPT) this.#shapes.delete(this.#shapes.keys().next().value);
    return shape;
  }

  #adopt(frames, alive, hash) {
    this.#dissolveRunsOf(frames, false);
    const run = new Run(frames, alive, hash);
    eachId(frames, (id) => {
      this.#slots.remove(id);
      this.#runOfId.set(id, run);
    });
    this.#runs.add(run);
  }

  #store(frames, keyframe) {
    this.#dissolveRunsOf(frames, keyframe);
    for (const { words, floats, count } of frames) {
      for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) this.#slots.put(words, floats, at);
    }
  }

  #dissolveRunsOf(frames, keyframe) {
    if (this.#runs.size === 0) return;
    eachId(frames, (id) => {
      const run = this.#runOfId.get(id);
      if (run === undefined) return;
      this.#drop(run);
      // A state frame says nothing about the shape of the ticks that follow it.
      if (!keyframe) this.#shape(run.hash).dissolved += 1;
      for (const { words, floats, count } of run.chunks) {
        for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) this.#slots.put(words, floats, at);
      }
    });
  }

  #drop(run) {
    this.#runs.delete(run);
    eachId(run.chunks, (id) => this.#runOfId.delete(id));
  }
}

/** One publisher's tick as it arrived. */
class Run {
  /** The copies of lent frames, used again for each tick. */
  #copies = [];

  constructor(frames, alive, hash) {
    this.hash = hash;
    this.shape = hash;
    this.version = 0;
    this.replace(frames, alive);
  }

  replace(frames, alive) {
    this.decoded = isLent(frames);
    this.unparsed = !this.decoded;
    this.chunks = this.decoded ? this.#copiesOf(frames) : frames;
    this.alive = alive;
    this.version += 1;
  }

  #copiesOf(frames) {
    this.#copies.length = frames.length;
    for (let index = 0; index < frames.length; index += 1) {
      this.#copies[index] ??= new RecordBuffer();
      this.#copies[index].clear();
      this.#copies[index].append(frames[index].words, 0, frames[index].count);
    }
    return this.#copies;
  }

  hasShapeOf(frames) {
    if (frames.length !== this.chunks.length) return false;
    return frames.every(({ words, count }, index) => {
      const own = this.chunks[index];
      if (own.count !== count) return false;
      for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) {
        if (words[at] !== own.words[at]) return false;
      }
      return true;
    });
  }
}

/** Records by id in one growing chunk without holes: the last record fills the place of a removed one. */
class Slots {
  #slotOfId = new Map();
  #records = new RecordBuffer();

  constructor() {
    this.version = 0;
    this.shape = 0;
    this.unparsed = false;
    this.decoded = false;
    this.chunks = [this.#records];
  }

  get alive() {
    return this.#slotOfId.size;
  }

  put(words, floats, at) {
    const id = words[at];
    if (Number.isNaN(floats[at + 1])) {
      this.remove(id);
      return;
    }
    const slot = this.#slotOfId.get(id);
    if (slot === undefined) {
      this.#slotOfId.set(id, this.#records.count);
      this.#records.append(words, at, 1);
      this.shape += 1;
    } else {
      const to = slot * RECORD_WORDS;
      for (let word = 0; word < RECORD_WORDS; word += 1) this.#records.words[to + word] = words[at + word];
    }
    this.version += 1;
  }

  remove(id) {
    const slot = this.#slotOfId.get(id);
    if (slot === undefined) return;
    this.#slotOfId.delete(id);
    this.shape += 1;
    this.#records.count -= 1;
    const last = this.#records.count;
    if (slot !== last) {
      const { words } = this.#records;
      const from = last * RECORD_WORDS;
      words.copyWithin(slot * RECORD_WORDS, from, from + RECORD_WORDS);
      this.#slotOfId.set(words[slot * RECORD_WORDS], slot);
    }
    this.version += 1;
  }
}

/** Whether a tick's records are overwritten by the next one's. */
function isLent(frames) {
  return frames[0].lent === true;
}

function eachId(chunks, visit) {
  for (const { words, count } of chunks) {
    for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) visit(words[at]);
  }
}

/** One pass over a tick: how many records and agents, and a hash of the ids in order (FNV-1a by words). */
function survey(frames) {
  let alive = 0;
  let records = 0;
  let hash = 0x811c9dc5;
  for (const { words, floats, count } of frames) {
    records += count;
    hash = Math.imul(hash ^ count, 0x01000193);
    for (let at = 0; at < count * RECORD_WORDS; at += RECORD_WORDS) {
      hash = Math.imul(hash ^ words[at], 0x01000193);
      if (!Number.isNaN(floats[at + 1])) alive += 1;
    }
  }
  return { alive, records, hash: hash >>> 0 };
}
