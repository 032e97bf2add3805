/**
 * @file Agents that move, the same at each run: smooth random motion with jittered time steps.
 *
 * Velocities follow an Ornstein-Uhlenbeck process, positions their integral; ids count from 1.
 */

import { bitsOfFloat } from "./slow-encoder.mjs";

const SPREAD = [150, 150, 40];
const SPEED = 3;
const MEMORY_S = 2;
const TICK_S = 1 / 60;
const JITTER = 0.1;

/** A generator of numbers in [0, 1): xorshift with 32 bits. */
export function seeded(seed) {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export class SwarmMotion {
  #random;
  #agents;

  constructor(agents, seed = 1) {
    this.#random = seeded(seed);
    this.#agents = Array.from({ length: agents }, (_, index) => ({
      id: index + 1,
      position: SPREAD.map((spread) => Math.fround(spread * this.#normal())),
      velocity: SPREAD.map(() => Math.fround(SPEED * this.#normal())),
    }));
  }

  /**
   * Moves all agents on by one tick.
   *
   * @returns {{records: Array<{id: number, bits: number[]}>, weights: [number, number]}} the weights of old and new
   *   velocity that fit the tick best
   */
  step() {
    const stepS = TICK_S * (1 + JITTER * (2 * this.#random() - 1));
    const kick = SPEED * Math.sqrt((2 * stepS) / MEMORY_S);
    for (const agent of this.#agents) {
      agent.velocity = agent.velocity.map((value) =>
        Math.fround(value * (1 - stepS / MEMORY_S) + kick * this.#normal()),
      );
      agent.position = agent.position.map((value, axis) => Math.fround(value + stepS * agent.velocity[axis]));
    }
    return { records: this.records(), weights: [0, stepS] };
  }

  /** @returns {Array<{id: number, bits: number[]}>} */
  records() {
    const bitsOf = ({ position, velocity }) => [...position, ...velocity].map(bitsOfFloat);
    return this.#agents.map((agent) => ({ id: agent.id, bits: bitsOf(agent) }));
  }

  #normal() {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }
}
