/**
 * @file Where a client stands in the logs of events, so that a new connection goes on there.
 *
 * The server numbers the messages of each log from 1 on. Numbers hold for one epoch: a server or a stream that
 * began anew has another, and what was before it can't be had any more.
 */

const LOGS = Object.freeze(["events", "critical"]);

export class ResumePoint {
  #sessionId = null;
  #epoch = null;
  #sequences = new Map();

  /**
   * What a handshake says to go on here.
   *
   * @returns {{sessionId: string, epoch: string, channels: Object<string, number>}|undefined} undefined before the
   *   first session
   */
  get request() {
    if (this.#sessionId === null || this.#epoch === null) return undefined;
    return { sessionId: this.#sessionId, epoch: this.#epoch, channels: Object.fromEntries(this.#sequences) };
  }

  /** Takes the server's answer. @param {object} session its handshake_ack */
  accept({ sessionId, epoch, resume, resumed }) {
    this.#sessionId = sessionId ?? null;
    this.#epoch = epoch ?? null;
    this.#sequences.clear();
    for (const log of LOGS) {
      // What was missed follows; without that the log goes on behind its last message.
      const first = resumed?.[log]?.from;
      const sequence = Number.isSafeInteger(first) ? first - 1 : resume?.[log]?.sequence;
      this.note({ sequence, log });
    }
  }

  /** Notes a message that came. @param {{sequence?: number, log?: string}} message */
  note({ sequence, log = LOGS[0] }) {
    if (!Number.isSafeInteger(sequence) || !LOGS.includes(log)) return;
    this.#sequences.set(log, Math.max(sequence, this.#sequences.get(log) ?? 0));
  }

  /** Notes messages that will never come. @param {{channel?: string, to?: number}} gap */
  skip({ channel, to }) {
    this.note({ sequence: to, log: channel });
  }
}
