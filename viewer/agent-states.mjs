/**
 * @file The newest state of each dot, and its name and type where the stream tells them.
 *
 * Invariant: at most `AGENTS_MAX` are remembered; the one that was quiet for longest goes first.
 */

export const AGENTS_MAX = 65_536;
const METADATA_CHARACTERS_MAX = 4096;

export class AgentStates {
  #told = new Map();

  /** @param {Array<{id: number, state: number, metadata: {json?: string}|null}>} records of a frame `states` */
  take(records) {
    for (const { id, state, metadata } of records) {
      const before = this.#told.get(id);
      const json = metadata?.json;
      const isKept = json !== undefined && json.length <= METADATA_CHARACTERS_MAX;
      // Taken out and put back, so that the first key is the one unheard for longest.
      this.#told.delete(id);
      this.#told.set(id, { state, json: isKept ? json : before?.json });
      if (this.#told.size > AGENTS_MAX) this.#told.delete(this.#told.keys().next().value);
    }
  }

  /** Forgets all. */
  clear() {
    this.#told.clear();
  }

  /**
   * @param {number} id
   * @param {Record<string, string>} names of states, by code
   * @returns {{state: string, name?: string, type?: string}|null} null where nothing was told
   */
  of(id, names = {}) {
    const told = this.#told.get(id);
    if (told === undefined) return null;
    const { name, type } = namesIn(told.json);
    return { state: names[told.state] ?? `code ${told.state}`, name, type };
  }
}

/** Names out of metadata, where it has any. */
function namesIn(json) {
  if (json === undefined) return {};
  try {
    const { name, type } = JSON.parse(json) ?? {};
    return { name: textOrNothing(name), type: textOrNothing(type) };
  } catch {
    return {};
  }
}

function textOrNothing(value) {
  return typeof value === "string" ? value : undefined;
}
