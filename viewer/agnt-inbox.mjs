/**
 * @file Messages in the order in which they came, though some take time to open.
 *
 * Invariants:
 * - One message is opened at a time; those that come meanwhile wait.
 * - What waits is bounded. A client that is so far behind is better off with a new connection, which begins with
 *   the newest state, than with all that it missed.
 */

export const WAITING_MESSAGES_MAX = 1024;
export const WAITING_BYTES_MAX = 16 << 20;

export class Inbox {
  #open;
  #waiting = [];
  #waitingBytes = 0;
  #opening = false;
  #closed = false;

  /**
   * @param {(data: string|ArrayBuffer, receivedAtMs: number) => Promise<void>|undefined} open takes one message; the
   *   promise, which must not be rejected, says that it goes on taking
   */
  constructor(open) {
    this.#open = open;
  }

  /**
   * @param {string|ArrayBuffer} data
   * @param {number} receivedAtMs
   * @returns {boolean} false where the bound is reached: the message is not taken
   */
  push(data, receivedAtMs) {
    if (this.#closed) return true;
    if (!this.#opening) {
      this.#take(data, receivedAtMs);
      return true;
    }
    const bytes = sizeOf(data);
    if (this.#waiting.length >= WAITING_MESSAGES_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) return false;
    this.#waiting.push({ data, receivedAtMs });
    this.#waitingBytes += bytes;
    return true;
  }

  /** Drops what waits, and takes nothing any more. */
  close() {
    this.#closed = true;
    this.#waiting = [];
  }

  #take(data, receivedAtMs) {
    const opened = this.#open(data, receivedAtMs);
    if (opened === undefined) return;
    this.#opening = true;
    opened.then(() => {
      this.#opening = false;
      while (!this.#opening && this.#waiting.length > 0) {
        const next = this.#waiting.shift();
        this.#waitingBytes -= sizeOf(next.data);
        this.#take(next.data, next.receivedAtMs);
      }
    });
  }
}

function sizeOf(data) {
  return typeof data === "string" ? data.length : data.byteLength;
}
