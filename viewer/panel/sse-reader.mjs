/**
 * @file Server-Sent Events out of text that arrives in pieces.
 *
 * Invariant: what waits for the end of its message is at most `MESSAGE_CHARACTERS_MAX`.
 */

export const MESSAGE_CHARACTERS_MAX = 4 * 1024 * 1024;

/**
 * @typedef {object} SseMessage
 * @property {string} event `message` where it has no name
 * @property {string} data
 */

export class SseReader {
  #rest = "";

  /**
   * @param {string} text the next piece
   * @returns {SseMessage[]} those that it completes; comments are none
   * @throws {RangeError} where a message has no end
   */
  push(text) {
    const blocks = (this.#rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.#rest = blocks.pop();
    if (this.#rest.length > MESSAGE_CHARACTERS_MAX) {
      throw new RangeError(`an event of more than ${MESSAGE_CHARACTERS_MAX} characters is not read`);
    }
    return blocks.map(messageIn).filter((message) => message !== null);
  }
}

function messageIn(block) {
  const data = [];
  let event = "message";
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (name === "data") data.push(value);
    if (name === "event") event = value;
  }
  return data.length === 0 ? null : { event, data: data.join("\n") };
}
