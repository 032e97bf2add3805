/**
 * @file What the codecs `predict` and `fixed` know of each agent: its id and its last record, by slot.
 *
 * Invariants:
 * - A column holds one component of all slots, in the order of the wire: vx, vy, vz, x, y, z.
 * - `fixed` keeps multiples of its steps in the columns, `predict` the bits of an f32; `floats` is the same
 *   memory, so that no value has to be converted.
 * - Columns only grow, by doubling.
 */

export const COMPONENTS = 6;
/** Slots are below this. */
export const SLOTS_MAX = 1 << 24;

const SLOTS_AT_FIRST = 256;

export class ReferenceTable {
  constructor() {
    this.#allot(SLOTS_AT_FIRST);
  }

  /** Forgets all slots. */
  clear() {
    this.assigned.fill(0);
  }

  /**
   * Gives a slot to an agent; its reference is zero.
   *
   * @param {number} slot below `SLOTS_MAX`
   * @param {number} id
   */
  assign(slot, id) {
    if (slot >= this.ids.length) this.#allot(2 ** Math.ceil(Math.log2(slot + 1)));
    this.ids[slot] = id;
    this.assigned[slot] = 1;
    for (const column of this.columns) column[slot] = 0;
  }

  #allot(slots) {
    const grown = (Type, old) => {
      const column = new Type(slots);
      if (old !== undefined) column.set(old);
      return column;
    };
    this.ids = grown(Uint32Array, this.ids);
    /** 1 where the slot has an agent. */
    this.assigned = grown(Uint8Array, this.assigned);
    this.columns = Array.from({ length: COMPONENTS }, (_, component) => grown(Int32Array, this.columns?.[component]));
    this.floats = this.columns.map((column) => new Float32Array(column.buffer));
  }
}
