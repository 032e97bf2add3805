/**
 * @file The viewer's end of a stream: frames in, whole ticks out.
 *
 * ```js
 * const client = new AgntClient(location.origin, { stream: "main" });
 * client.on("tick", ({ frames, keyframe }) => { ... });
 * client.connect();
 * ```
 *
 * Invariants:
 * - A `tick` event carries one publisher's whole run of POSITION_UPDATE frames, up to the first without MORE.
 *   What a lost connection left unfinished is never shown.
 * - A tick is a partial update: agents absent from it keep their last record. The first tick after
 *   `connected` is the whole state (keyframe) and replaces all that was known before.
 * - Who asks for no encoding and no compression gets frames that are views of their message. Otherwise ticks
 *   are lent: their records are overwritten by the next.
 * - Messages take effect in the order in which they came, those inside a COMPRESSED_BATCH too.
 */

import { AgntDecodeError, decodeFrame } from "./agnt-codec.mjs";
import { AgntConnection } from "./agnt-connection.mjs";
import { EncodedTicks, FRAMES_PER_TICK_MAX } from "./agnt-encoded-ticks.mjs";
import { Inbox } from "./agnt-inbox.mjs";
import { INFLATABLE, INFLATE_BYTES_MAX, inflateBatch } from "./agnt-inflate.mjs";
import { MessageBuffer } from "./agnt-message-buffer.mjs";
import { ResumePoint } from "./agnt-resume.mjs";

/** JSON messages that answer this client or keep the connection; all others are events. */
const ANSWERS = new Set([
  "handshake_ack",
  "heartbeat",
  "heartbeat_ack",
  "ack",
  "version.selected",
  "compression.selected",
  "channel.created",
  "channel.closed",
  "channel.error",
  "stream.opened",
  "stream.closed",
  "connection.metrics",
]);

/**
 * @typedef {object} Tick
 * @property {import("./agnt-codec.mjs").Frame[]} frames of kind `positions`, in order
 * @property {boolean} keyframe the tick is state (on joining: all agents; after falling behind: those that
 *   changed), not a publisher's own tick
 * @property {boolean} first the first one of this connection: forget all agents known before
 * @property {number} receivedAtMs on the client's clock
 * @property {number} plainBytes what the tick takes as plain frames
 * @property {{tick: number, epoch: number, serverTimeUs: number}|null} info with the capability `tick-info`
 *
 * @typedef {object} Encoding
 * @property {"none"|"shuffle"|"predict"|"box"|"fixed"} codec
 * @property {string} algorithm of COMPRESSED_BATCH, `none` where there is none
 * @property {number} [level]
 * @property {number} [positionError] the most by which a position may differ
 * @property {number} [velocityError]
 *
 * @typedef {object} ClientOptions
 * @property {Array<string|{codec: string, positionError?: number, velocityError?: number}>} [encodings] of
 *   positions, the best first; none where left out
 * @property {{algorithms: string[], level?: number}} [compression] `zlib`, `deflate` and `gzip` can be undone
 * @property {"viewer"|"both"} [role] a viewer, the default, may only listen; the other may send events as well
 * @property {boolean} [resume] go on in the logs of events after a lost connection
 */

export class AgntClient extends AgntConnection {
  #encodings;
  #compression;
  #resumePoint = null;
  #pending = [];
  #first = true;
  #info = null;
  #asksForEncoding = false;
  #isEncoded = false;
  #inbox = null;
  #message = new MessageBuffer();
  #inflated = null;
  #encodedTicks;

  /**
   * Events beside those of `AgntConnection`: `tick` (Tick), `encoding` (Encoding), `event` (a JSON message that no
   * request of this client's was answered with), `channel` (a message in a channel, with its `channel` and
   * `sequence`), `gap` (events that will never come: `{channel, from, to, reason}`), `error` (the server's, with
   * `code` and `message`).
   *
   * @param {string} url see `AgntConnection`
   * @param {import("./agnt-connection.mjs").ConnectionOptions & ClientOptions} options
   */
  constructor(url, options = {}) {
    requireInflatable(options.compression?.algorithms ?? []);
    super(url, options.role ?? "viewer", { ...options, capabilities: capabilitiesOf(options) });
    this.#encodings = options.encodings ?? [];
    this.#compression = options.compression;
    if (options.resume === true) this.#resumePoint = new ResumePoint();
    this.#encodedTicks = new EncodedTicks(
      (tick) => this.#finishTick(tick),
      (frame, receivedAtMs) => this.takeFrame(frame, receivedAtMs),
    );
    /** What is in force. @type {Encoding} */
    this.encoding = { codec: "none", algorithm: "none" };
    this.ticksReceived = 0;
    this.ticksIncomplete = 0;
    /** What all ticks together would have taken as plain frames. */
    this.plainBytes = 0;
    /** What the page shows, for the server to pace by; the page keeps it up to date. */
    this.displayedTick = 0;
    this.clientFps = 0;
  }

  /**
   * Asks for another encoding or compression; `encoding` tells what the server chose.
   *
   * @param {{algorithms?: string[], level?: number, encodings?: ClientOptions["encodings"]}} wishes
   * @returns {boolean} whether it was handed to the socket
   */
  negotiate({ algorithms = [], level = 6, encodings = [] }) {
    requireInflatable(algorithms);
    this.#asksForEncoding = true;
    return this.send({ type: "compression.negotiate", algorithms, preferredLevel: level, encodings });
  }

  handshakeWishes() {
    const wishes = {};
    if (this.#encodings.length > 0) wishes.encodings = this.#encodings;
    if (this.#compression !== undefined) wishes.compression = this.#compression;
    const resume = this.#resumePoint?.request;
    if (resume !== undefined) wishes.resume = resume;
    return wishes;
  }

  onConnected() {
    this.#pending = [];
    this.#first = true;
    this.#info = null;
    this.#inbox = new Inbox((data, receivedAtMs) => this.#open(data, receivedAtMs));
    this.#inflated = new MessageBuffer();
    this.#encodedTicks.reset();
    this.ticksReceived = 0;
    this.displayedTick = 0;
    this.encoding = encodingOf(this.session.encoding, this.session.compression);
    this.#asksForEncoding = this.encoding.codec !== "none" || this.encoding.algorithm !== "none";
    this.#isEncoded = this.#asksForEncoding;
    this.#resumePoint?.accept(this.session);
  }

  onDisconnected() {
    this.#inbox?.close();
    this.#inbox = null;
    this.#isEncoded = false;
  }

  heartbeatReport() {
    return { displayedTick: this.displayedTick, clientFps: Math.round(this.clientFps) };
  }

  onMessage(data, receivedAtMs) {
    // A tick that began as views of its messages ends so.
    if (this.#asksForEncoding && this.#inbox !== null && this.#pending.length === 0) this.#isEncoded = true;
    if (!this.#isEncoded) this.takeMessage(data, receivedAtMs);
    else if (!this.#inbox.push(data, receivedAtMs)) this.abandon("more came than this machine could decompress");
  }

  onText(message) {
    this.emit("text", message);
    if (message === null || typeof message !== "object") return;
    if (message.type === "compression.selected") {
      this.encoding = encodingOf(message.encoding, message.algorithm, message.level);
      this.emit("encoding", this.encoding);
    } else if (message.type === "gap") {
      this.#resumePoint?.skip(message.payload ?? {});
      this.emit("gap", message.payload);
    } else if (message.type === "error") {
      this.emit("error", message.payload);
    } else if (message.channel !== undefined) {
      this.emit("channel", message);
    } else if (message.type === "handshake_ack") {
      this.emit("encoding", this.encoding);
    } else if (!ANSWERS.has(message.type)) {
      this.#resumePoint?.note(message);
      this.emit("event", message);
    }
  }

  onFrame(frame, receivedAtMs) {
    if (frame.kind === "tickInfo") {
      const { tick, epoch, serverTimeUs } = frame;
      this.#info = { tick, epoch, serverTimeUs: Number(serverTimeUs) };
      return;
    }
    if (frame.kind !== "positions") {
      this.emit("frame", frame);
      return;
    }
    // Ticks are contiguous. A change between state and live, or a run without end, means that the end of
    // the pending one will never come.
    const pending = this.#pending;
    const broken =
      pending.length > 0 &&
      (pending[0].keyframe !== frame.keyframe || pending.length >= FRAMES_PER_TICK_MAX);
    if (broken) {
      this.#pending = [];
      this.ticksIncomplete += 1;
    }
    this.#pending.push(frame);
    if (frame.more) return;
    const frames = this.#pending;
    const plainBytes = frames.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const tick = { frames, keyframe: frame.keyframe, first: false, receivedAtMs, plainBytes, info: this.#info };
    this.#pending = [];
    this.#info = null;
    this.#finishTick(tick);
  }

  #finishTick(tick) {
    tick.first = this.#first;
    this.#first = false;
    this.ticksReceived += 1;
    this.plainBytes += tick.plainBytes;
    this.emit("tick", tick);
  }

  /** Takes one message of a session with an encoding; a promise where it has to be inflated. */
  #open(data, receivedAtMs) {
    if (typeof data === "string") {
      this.takeMessage(data, receivedAtMs);
      return undefined;
    }
    try {
      this.#message.hold(data);
      const batchAt = this.#encodedTicks.take(this.#message, receivedAtMs);
      return batchAt < 0 ? undefined : this.#openBatch(decodeFrame(new Uint8Array(data), batchAt), receivedAtMs);
    } catch (fault) {
      this.#giveUp(fault);
      return undefined;
    }
  }

  async #openBatch(batch, receivedAtMs) {
    const inbox = this.#inbox;
    const bytesMax = this.session.limits?.inflateBytes || INFLATE_BYTES_MAX;
    try {
      const inflated = this.#inflated;
      await inflateBatch(batch, this.encoding.algorithm, bytesMax, inflated);
      if (inbox !== this.#inbox) return;
      const nestedAt = this.#encodedTicks.take(inflated, receivedAtMs);
      if (nestedAt >= 0) throw new AgntDecodeError("ValueUnknown", nestedAt + 4, 0, inflated.bytes[nestedAt + 4]);
    } catch (fault) {
      if (inbox === this.#inbox) this.#giveUp(fault);
    }
  }

  /** What was not decoded is missing from all that follows: only a new connection has the whole state again. */
  #giveUp(fault) {
    if (!(fault instanceof AgntDecodeError)) throw fault;
    this.emit("fault", fault);
    this.abandon(fault.message);
  }
}

function requireInflatable(algorithms) {
  const unknown = algorithms.find((algorithm) => !INFLATABLE.includes(algorithm));
  if (unknown === undefined) return;
  throw new RangeError(`compression: '${unknown}' can't be undone here; allowed are ${INFLATABLE.join(", ")}`);
}

/** What the handshake lists: what is asked for, and what it takes. */
function capabilitiesOf({ capabilities = ["binary"], encodings = [], compression, resume }) {
  const wishes = new Set(capabilities);
  if (encodings.length > 0) wishes.add("position-encodings");
  if (compression !== undefined) wishes.add("compression");
  if (resume === true) wishes.add("resume");
  return [...wishes];
}

/** @returns {Encoding} */
function encodingOf(granted, algorithm = "none", level = undefined) {
  const codec = typeof granted === "string" ? { codec: granted } : granted;
  return { codec: "none", ...codec, algorithm, ...(level === undefined ? {} : { level }) };
}
