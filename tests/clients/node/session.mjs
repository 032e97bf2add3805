// A session of document C: what it says, and what it hears, over the package `ws`.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { isDeepStrictEqual } from "node:util";
import WebSocket from "ws";

import { COMPRESSED_BATCH, KEYFRAME, POSITION_UPDATE, read } from "./agnt-frame.mjs";

const PATIENCE_MS = 30_000;

export class Failed extends Error {}

export function check(holds, what) {
  if (!holds) throw new Failed(what);
}

export function checkEqual(found, expected, what) {
  check(isDeepStrictEqual(found, expected), `${what}: expected ${show(expected)}, found ${show(found)}`);
}

function show(value) {
  const text = JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}` : each)) ?? `${value}`;
  return text.length <= 160 ? text : `${text.slice(0, 160)}...`;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A message in document C's envelope. */
export function event(type, payload, metadata) {
  const message = { id: randomUUID(), type, timestamp: new Date().toISOString(), payload };
  return metadata ? { ...message, metadata } : message;
}

const isText = (item) => !("flags" in item);

/** One connection. What comes in waits in `inbox`, in order, until a step takes it. */
export class Session {
  inbox = [];
  waiting = new Set();
  inflate = null;
  closeCode = null;

  static async connect(url, options = {}) {
    const session = new Session();
    session.socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    session.socket.on("message", (data, isBinary) => session.hear(data, isBinary));
    session.socket.on("close", (code) => {
      session.closeCode = code;
      session.wake();
    });
    session.socket.on("error", () => {});
    await once(session.socket, "open");
    return session;
  }

  /** Opens the socket, shakes hands with these capabilities and fields, awaits the answer. */
  static async open(url, capabilities, { headers, ...fields } = {}) {
    const session = await Session.connect(url, { headers });
    const timestamp = "2024-01-10T12:00:00Z";
    session.say({ type: "handshake", version: "1.0.0", capabilities, timestamp, ...fields });
    session.ack = await session.expectType("handshake_ack");
    return session;
  }

  hear(data, isBinary) {
    if (isBinary) this.inbox.push(...this.frames(data));
    else this.inbox.push(JSON.parse(data.toString()));
    this.wake();
  }

  frames(message) {
    return read(message).flatMap((frame) => {
      if (frame.type !== COMPRESSED_BATCH || this.inflate === null) return [frame];
      const whole = this.inflate(frame.payload);
      checkEqual(whole.length, frame.originalBytes, "original size of a batch");
      return read(whole).map((inner) => ({ ...inner, wasCompressed: true }));
    });
  }

  wake() {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  say(message) {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  send(frame) {
    this.socket.send(frame);
  }

  take(matches) {
    const index = this.inbox.findIndex(matches);
    return index < 0 ? null : this.inbox.splice(index, 1)[0];
  }

  /** Takes the first item that matches, waiting for it if need be. */
  async expect(what, matches, patienceMs = PATIENCE_MS) {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const item = this.take(matches);
      if (item) return item;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0 || this.closeCode !== null) {
        const came = this.inbox.slice(-6).map(show).join("; ") || "nothing";
        const closed = this.closeCode === null ? "" : `; closed with ${this.closeCode}`;
        throw new Failed(`${what} didn't come; there was ${came}${closed}`);
      }
      await this.change(leftMs);
    }
  }

  /** Until something comes, or the time is over. */
  change(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  expectType(type, matches = () => true, patienceMs = PATIENCE_MS) {
    return this.expect(type, (item) => isText(item) && item.type === type && matches(item), patienceMs);
  }

  expectFrame(type, matches = () => true) {
    return this.expect(`a frame of type ${type}`, (item) => !isText(item) && item.type === type && matches(item));
  }

  expectState() {
    return this.expectFrame(POSITION_UPDATE, (frame) => (frame.flags & KEYFRAME) !== 0);
  }

  async expectError(code, requestId) {
    const { payload } = await this.expectType("error");
    checkEqual(payload.code, code, `code of ${show(payload)}`);
    if (requestId) checkEqual(payload.details.requestId, requestId, "details.requestId");
    return payload;
  }

  /** Says a message and takes the answer, an error being a failure that shows it. */
  async ask(message, type) {
    this.say(message);
    const answer = await this.expect(type, (item) => isText(item) && [type, "error"].includes(item.type));
    check(answer.type === type, `${type} was expected, there came ${show(answer)}`);
    return answer;
  }

  /** Until everything said before has been worked off: a heartbeat there and back. */
  async settle() {
    const timestamp = new Date().toISOString();
    this.say({ type: "heartbeat", timestamp });
    await this.expectType("heartbeat_ack", (answer) => answer.timestamp === timestamp);
  }

  async expectNone(what, matches, milliseconds = 300) {
    await pause(milliseconds);
    const item = this.take((each) => isText(each) && matches(each));
    check(item === null, `${what} came: ${show(item)}`);
  }

  async expectClose(patienceMs = PATIENCE_MS) {
    const deadline = Date.now() + patienceMs;
    while (this.closeCode === null && Date.now() < deadline) await this.change(deadline - Date.now());
    check(this.closeCode !== null, "the server didn't close the connection");
    return this.closeCode;
  }

  async close() {
    this.socket.close();
    await this.expectClose();
  }
}
