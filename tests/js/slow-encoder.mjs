/**
 * @file An encoder of positions, written from docs/protocol.md alone: whole numbers as BigInt, bits as text, slow
 * and plain. It shares nothing with the viewer but the document.
 */

const POSITION_UPDATE = 1;
const CODEC = 0x40;
const MORE = 0x08;
const KEYFRAME = 0x10;
const CODEC_IDS = { shuffle: 1, predict: 2, box: 3, fixed: 4 };
const BLOCK = 32;
const WORD_BITS = 32;
const MASK = 2 ** 31;
const MASK_SLOTS = 31;

const scratch = new DataView(new ArrayBuffer(8));

/** @returns {number} the f32 of a bit pattern */
export function floatOfBits(bits) {
  scratch.setUint32(0, Number(bits));
  return scratch.getFloat32(0);
}

/** @returns {number} the bit pattern of a number rounded to f32 */
export function bitsOfFloat(value) {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

const u8 = (...values) => values;
const u16 = (value) => [value & 255, (value >>> 8) & 255];
const u32 = (value) => [0, 8, 16, 24].map((shift) => Number(BigInt.asUintN(8, BigInt(value) >> BigInt(shift))));
const f32 = (value) => u32(bitsOfFloat(value));

/** A POSITION_UPDATE frame around a codec's payload. @returns {Uint8Array} */
export function codecFrame(payload, { more = false, keyframe = false } = {}) {
  if (payload.length > 65_535) throw new RangeError(`a payload of ${payload.length} bytes`);
  const flags = CODEC | (more ? MORE : 0) | (keyframe ? KEYFRAME : 0);
  return Uint8Array.from([0x41, 0x47, 0x4e, 0x54, POSITION_UPDATE, flags, ...u16(payload.length), ...payload]);
}

/**
 * Records are `{id, bits}`, the bits of x, y, z, vx, vy, vz as f32.
 *
 * @returns {number[]} payload
 */
export function shufflePayload(records) {
  const plain = records.map(({ id, bits }) => [id, ...bits].flatMap(u32));
  const planes = Array.from({ length: 28 }, (_, byte) => plain.map((record) => record[byte]));
  return [...u8(CODEC_IDS.shuffle, 0, 0, 0), ...u32(records.length), ...planes.flat()];
}

/** @returns {{payload: number[], expected: Array<{id: number, values: number[]}>}} */
export function boxPayload(records) {
  const values = records.map(({ bits }) => bits.map(floatOfBits));
  const axis = (index) => values.map((record) => record[index]);
  const minimum = [0, 1, 2].map((index) => Math.min(...axis(index)));
  const extent = Math.max(...[0, 1, 2].map((index) => Math.max(...axis(index)) - minimum[index]));
  const speed = Math.max(...values.flatMap((record) => record.slice(3).map(Math.abs)));
  const positionStep = Math.fround(extent / 65_535 || 1) * (1 + 2 ** -20);
  const velocityStep = Math.fround(speed / 32_767 || 1) * (1 + 2 ** -20);
  const steps = [Math.fround(positionStep), Math.fround(velocityStep)];
  const quanta = values.map((record) =>
    record.map((value, index) => Math.round(index < 3 ? (value - minimum[index]) / steps[0] : value / steps[1]) + 0),
  );
  const decoded = quanta.map((record) =>
    record.map((quantum, index) => Math.fround(index < 3 ? minimum[index] + quantum * steps[0] : quantum * steps[1])),
  );
  const errors = decoded.map((record, at) => record.map((value, index) => Math.abs(value - values[at][index])));
  const worst = (from, to) => Math.max(0, ...errors.flatMap((record) => record.slice(from, to)));
  const payload = [
    ...u8(CODEC_IDS.box, 0, 0, 0),
    ...u32(records.length),
    ...minimum.flatMap(f32),
    ...steps.flatMap(f32),
    ...f32(worst(0, 3) * 1.001),
    ...f32(worst(3, 6) * 1.001),
    ...records.flatMap(({ id }) => u32(id)),
    ...[0, 1, 2, 3, 4, 5].flatMap((index) => quanta.flatMap((record) => u16(record[index]))),
  ];
  return { payload, expected: records.map(({ id }, at) => ({ id, values: decoded[at] })) };
}

/** The integer that keeps the order of f32 values, and the bits that have it. */
const orderOf = (bits) => (bits < 2 ** 31 ? BigInt(bits) : -1n - (BigInt(bits) - 2n ** 31n));
const bitsOfOrder = (order) => Number(order >= 0n ? order : -1n - order + 2n ** 31n);

const wrap = (value) => BigInt.asIntN(32, value);
const zigzag = (residual) => BigInt.asUintN(32, (residual << 1n) ^ (residual >> 31n));

/** Residuals of one component as blocks of `{width, words}`. */
function blocksOf(residuals) {
  const blocks = [];
  for (let from = 0; from < residuals.length; from += BLOCK) {
    const codes = residuals.slice(from, from + BLOCK).map(zigzag);
    const width = Math.max(...codes.map((code) => (code === 0n ? 0 : code.toString(2).length)));
    // The first residual is the lowest bits, so as text it stands last.
    const text = width === 0 ? "" : codes.map((code) => code.toString(2).padStart(width, "0")).reverse().join("");
    const length = Math.ceil(text.length / WORD_BITS);
    const bits = text.padStart(WORD_BITS * length, "0");
    const words = Array.from({ length }, (_, word) => {
      const end = bits.length - WORD_BITS * word;
      return parseInt(bits.slice(end - WORD_BITS, end), 2);
    });
    blocks.push({ width, words });
  }
  return blocks;
}

/** Rising slots as entries: lengths, and masks where they name more slots. */
function runsOf(slots) {
  const entries = [];
  for (let from = 0; from < slots.length; ) {
    const first = slots[from];
    const near = slots.slice(from, from + MASK_SLOTS).filter((slot) => slot < first + MASK_SLOTS);
    let length = 1;
    while (slots[from + length] === first + length) length += 1;
    const asMask = near.length > length;
    entries.push(asMask ? [first, near.reduce((mask, slot) => mask + 2 ** (slot - first), MASK)] : [first, length]);
    from += asMask ? near.length : length;
  }
  return entries;
}

/** The encoder's side of `predict` and `fixed`. */
export class SlowEncoder {
  #codec;
  #steps;
  #slots = new Map();
  #free = [];
  #highest = 0;

  /**
   * @param {"predict"|"fixed"} codec
   * @param {{positionStep?: number, velocityStep?: number, sequence?: number}} options
   */
  constructor(codec, { positionStep = 0, velocityStep = 0, sequence = 0 } = {}) {
    this.#codec = codec;
    this.#steps = [positionStep, velocityStep];
    this.sequence = sequence;
  }

  /** Gives the slot of an agent free, for another to take. */
  forget(id) {
    const entry = this.#slots.get(id);
    if (entry === undefined) return;
    this.#slots.delete(id);
    this.#free.push(entry.slot);
  }

  /** The values that a decoder must give for an agent now. @returns {number[]} bits of x, y, z, vx, vy, vz */
  bitsOf(id) {
    const { position, velocity } = this.#slots.get(id);
    if (this.#codec === "predict") return [...position, ...velocity].map(bitsOfOrder);
    const scaled = (values, step) => values.map((value) => bitsOfFloat(Number(value) * step));
    return [...scaled(position, this.#steps[0]), ...scaled(velocity, this.#steps[1])];
  }

  /**
   * A key: all agents that have a slot, as they are, in frames of at most `recordsMax`.
   *
   * @returns {Uint8Array[]}
   */
  key(recordsMax = 2000) {
    const entries = [...this.#slots].sort(([, one], [, other]) => one.slot - other.slot);
    const frames = [];
    for (let from = 0; from === 0 || from < entries.length; from += recordsMax) {
      const part = entries.slice(from, from + recordsMax);
      const residuals = part.map(([, { position, velocity }]) => ({ position, velocity }));
      const payload = this.#payload({
        flags: from === 0 ? 3 : 1,
        assignments: part.map(([id, { slot }]) => [slot, id]),
        slots: part.map(([, { slot }]) => slot),
        residuals,
        weights: [0, 0],
      });
      frames.push(codecFrame(payload, { keyframe: true, more: from + recordsMax < entries.length }));
    }
    return frames;
  }

  /**
   * One live frame; agents that are new get slots. Its records come in the order of slots, not of `records`.
   *
   * @param {Array<{id: number, bits: number[]}>} records
   * @param {{weights?: [number, number], more?: boolean}} options
   * @returns {Uint8Array}
   */
  frame(records, { weights = [0, 0], more = false } = {}) {
    this.sequence = (this.sequence + 1) % 2 ** 32;
    const assignments = records.filter(({ id }) => !this.#slots.has(id)).map(({ id }) => [this.#enter(id), id]);
    const rounded = weights.map(Math.fround);
    const entries = records.map(({ id, bits }) => ({ entry: this.#slots.get(id), target: this.#integers(bits) }));
    entries.sort((one, other) => one.entry.slot - other.entry.slot);
    const residuals = entries.map(({ entry, target }) => {
      const guess = entry.position.map((position, axis) =>
        this.#predicted(position, entry.velocity[axis], target.velocity[axis], rounded),
      );
      const residual = {
        velocity: target.velocity.map((value, axis) => wrap(value - entry.velocity[axis])),
        position: target.position.map((value, axis) => wrap(value - guess[axis])),
      };
      Object.assign(entry, target);
      return residual;
    });
    const slots = entries.map(({ entry }) => entry.slot);
    return codecFrame(this.#payload({ flags: 0, assignments, slots, residuals, weights: rounded }), { more });
  }

  /** The slot of an agent that had none. */
  #enter(id) {
    const slot = this.#free.pop() ?? this.#highest;
    this.#highest = Math.max(this.#highest, slot + 1);
    this.#slots.set(id, { slot, position: [0n, 0n, 0n], velocity: [0n, 0n, 0n] });
    return slot;
  }

  #integers(bits) {
    const of = (from, step) =>
      bits.slice(from, from + 3).map((pattern) =>
        this.#codec === "predict" ? orderOf(pattern) : BigInt(Math.round(floatOfBits(pattern) / step)),
      );
    return { position: of(0, this.#steps[0]), velocity: of(3, this.#steps[1]) };
  }

  #predicted(position, velocity, newVelocity, [a, b]) {
    if (this.#codec === "fixed") {
      const [positionStep, velocityStep] = this.#steps;
      const oldWeight = (a * velocityStep) / positionStep;
      const newWeight = (b * velocityStep) / positionStep;
      const way = Math.floor(oldWeight * Number(velocity) + newWeight * Number(newVelocity) + 0.5);
      return wrap(position + BigInt(Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), way))));
    }
    const [p, u, w] = [position, velocity, newVelocity].map((order) => floatOfBits(bitsOfOrder(order)));
    const sum = Math.fround(p + a * u + b * w);
    return [p, u, w, sum].every(Number.isFinite) ? orderOf(bitsOfFloat(sum)) : position;
  }

  #payload({ flags, assignments, slots, residuals, weights }) {
    const runs = runsOf(slots);
    const components = ["velocity", "position"].flatMap((name) =>
      [0, 1, 2].map((axis) => blocksOf(residuals.map((residual) => residual[name][axis]))),
    );
    const head = [
      ...u8(CODEC_IDS[this.#codec], flags),
      ...u16(runs.length),
      ...u32(this.sequence),
      ...u32(slots.length),
      ...u32(assignments.length),
      ...weights.flatMap(f32),
      ...this.#steps.flatMap(f32),
      ...assignments.flat().flatMap(u32),
      ...runs.flat().flatMap(u32),
      ...components.flat().map(({ width }) => width),
    ];
    while (head.length % 4 !== 0) head.push(0);
    return [...head, ...components.flat().flatMap(({ words }) => words).flatMap(u32)];
  }
}
