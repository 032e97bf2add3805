/**
 * @file The arithmetic of the codecs `predict` and `fixed`: residuals out of their blocks, values out of residuals.
 *
 * Plain functions over typed arrays, because they run once for each of six values of each agent. All sums of
 * references and residuals are modulo 2^32.
 */

import { RECORD_WORDS } from "./agnt-frame.mjs";

/** Residuals of one block. */
export const BLOCK_RESIDUALS = 32;

/** Components of a record by their word in it, for each axis. */
const POSITION_WORD = 1;
const VELOCITY_WORD = 4;

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

/**
 * How many words the blocks of one component take. The last one holds what is left, in as few as will do.
 *
 * @param {Uint8Array} widths
 * @param {number} widthAt of its first block
 * @param {number} count of its residuals
 * @returns {number}
 */
export function componentWords(widths, widthAt, count) {
  let words = 0;
  for (let at = 0; at < count; at += BLOCK_RESIDUALS) {
    words += blockWords(Math.min(BLOCK_RESIDUALS, count - at), widths[widthAt]);
    widthAt += 1;
  }
  return words;
}

function blockWords(residuals, width) {
  return (residuals * width + 31) >> 5;
}

/**
 * Unpacks the blocks of one component.
 *
 * @param {Uint8Array} widths
 * @param {number} widthAt of its first block
 * @param {Int32Array} words
 * @param {number} wordAt of its first block
 * @param {number} count of its residuals
 * @param {Int32Array} residuals
 * @returns {number} the word behind its last block
 */
export function unpackBlocks(widths, widthAt, words, wordAt, count, residuals) {
  for (let at = 0; at < count; at += BLOCK_RESIDUALS) {
    const end = Math.min(at + BLOCK_RESIDUALS, count);
    const width = widths[widthAt];
    unpackBlock(words, wordAt, width, residuals, at, end);
    wordAt += blockWords(end - at, width);
    widthAt += 1;
  }
  return wordAt;
}

function unpackBlock(words, wordAt, width, residuals, at, end) {
  if (width === 0) {
    residuals.fill(0, at, end);
    return;
  }
  const mask = width === 32 ? -1 : (1 << width) - 1;
  for (let bit = 0; at < end; at += 1, bit += width) {
    const word = wordAt + (bit >>> 5);
    const shift = bit & 31;
    let zigzag = words[word] >>> shift;
    if (shift + width > 32) zigzag |= words[word + 1] << (32 - shift);
    zigzag &= mask;
    residuals[at] = (zigzag >>> 1) ^ -(zigzag & 1);
  }
}

/**
 * Moves one axis of `fixed` on by a frame, and writes its values.
 *
 * @param {object} frame
 * @param {number} frame.count
 * @param {Int32Array} frame.slots of its records
 * @param {number} frame.oldWeight A of the document, steps of position per step of velocity
 * @param {number} frame.newWeight B
 * @param {number} frame.positionStep
 * @param {number} frame.velocityStep
 * @param {number} axis 0 to 2
 * @param {import("./agnt-reference.mjs").ReferenceTable} table
 * @param {Int32Array} velocityResiduals
 * @param {Int32Array} positionResiduals
 * @param {Float32Array} floats of the records
 * @param {number} at the word of the first record
 */
export function advanceFixed(frame, axis, table, velocityResiduals, positionResiduals, floats, at) {
  const { count, slots, oldWeight, newWeight, positionStep, velocityStep } = frame;
  const velocities = table.columns[axis];
  const positions = table.columns[3 + axis];
  let positionAt = at + POSITION_WORD + axis;
  let velocityAt = at + VELOCITY_WORD + axis;
  for (let record = 0; record < count; record += 1) {
    const slot = slots[record];
    const oldVelocity = velocities[slot];
    const velocity = (oldVelocity + velocityResiduals[record]) | 0;
    let way = Math.floor(oldWeight * oldVelocity + newWeight * velocity + 0.5);
    if (way > 0x7fffffff) way = 0x7fffffff;
    else if (way < -0x80000000) way = -0x80000000;
    const position = (positions[slot] + (way | 0) + positionResiduals[record]) | 0;
    velocities[slot] = velocity;
    positions[slot] = position;
    floats[positionAt] = position * positionStep;
    floats[velocityAt] = velocity * velocityStep;
    positionAt += RECORD_WORDS;
    velocityAt += RECORD_WORDS;
  }
}

/**
 * Moves one axis of `predict` on by a frame, and writes its bits.
 *
 * @param {object} frame as for `advanceFixed`, without steps
 * @param {number} axis 0 to 2
 * @param {import("./agnt-reference.mjs").ReferenceTable} table
 * @param {Int32Array} velocityResiduals
 * @param {Int32Array} positionResiduals
 * @param {Uint32Array} words of the records
 * @param {number} at the word of the first record
 */
export function advancePredict(frame, axis, table, velocityResiduals, positionResiduals, words, at) {
  const { count, slots, oldWeight, newWeight } = frame;
  const velocityBits = table.columns[axis];
  const velocities = table.floats[axis];
  const positionBits = table.columns[3 + axis];
  const positions = table.floats[3 + axis];
  let positionAt = at + POSITION_WORD + axis;
  let velocityAt = at + VELOCITY_WORD + axis;
  for (let record = 0; record < count; record += 1) {
    const slot = slots[record];
    const oldVelocity = velocities[slot];
    const velocity = ordered((ordered(velocityBits[slot]) + velocityResiduals[record]) | 0);
    velocityBits[slot] = velocity;
    float[0] = positions[slot] + oldWeight * oldVelocity + newWeight * velocities[slot];
    // A sum with anything in it that is not finite is not finite; nor is one that is too large for an f32.
    const predicted = float[0] - float[0] === 0 ? bits[0] : positionBits[slot];
    const position = ordered((ordered(predicted) + positionResiduals[record]) | 0);
    positionBits[slot] = position;
    words[positionAt] = position;
    words[velocityAt] = velocity;
    positionAt += RECORD_WORDS;
    velocityAt += RECORD_WORDS;
  }
}

/**
 * From the bits of an f32 to an integer in the order of the values, and back: it is its own inverse.
 *
 * @param {number} pattern i32
 * @returns {number} i32
 */
export function ordered(pattern) {
  return pattern ^ ((pattern >> 31) & 0x7fffffff);
}
