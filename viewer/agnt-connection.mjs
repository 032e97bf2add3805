/**
 * @file One connection to an AGNT server that comes back by itself: handshake, heartbeat, reconnect.
 *
 * `AgntClient` (viewer) and `AgntPublisher` build on it. Works in a browser, and elsewhere with a WebSocket
 * class that has the browser's interface.
 *
 * Invariants:
 * - At most one socket is alive; callbacks of an earlier one are ignored.
 * - `connected` is entered only by the server's `handshake_ack`.
 * - `waiting` always has a timer that ends it; only `close()` and a refusal that waiting cannot mend
 *   (credentials, permission) lead to `disconnected`.
 */

import { backoffMs, reconnectHintMs } from "./agnt-backoff.mjs";
import { AgntDecodeError, decodeFrames, encodeHeartbeat } from "./agnt-codec.mjs";

export const STREAM_PATH = "/api/visualisation/agents/ws";
export const HANDSHAKE_MS = 10_000;
export const HEARTBEAT_MS = 5_000;
/** A connection that lasted this long was a good one: its successor starts with a short backoff again. */
export const STABLE_MS = 5_000;

const OPEN = 1;
const STREAM_NAME = /^[\w-]{1,128}$/;
const CLOSE_CREDENTIALS = 4401;
const CLOSE_NOT_ALLOWED = 4403;
const UNANSWERED_HEARTBEATS_MAX = 3;

/**
 * @typedef {"disconnected"|"connecting"|"connected"|"waiting"} ConnectionState
 *
 * @typedef {object} StateChange
 * @property {ConnectionState} state
 * @property {string} reason why the last connection ended, for people; empty while all is well
 * @property {number} code its WebSocket close code, 0 where there was none
 * @property {number} retryInMs from now to the next attempt, while `waiting`
 * @property {number} attempt failed attempts in a row
 *
 * @typedef {object} ConnectionOptions
 * @property {string} [stream] the swarm's name, `main` where left out; a `RangeError` where it can't be one
 * @property {string[]} [capabilities] asked for in the handshake; default `["binary"]`
 * @property {string} [clientId] default random
 * @property {typeof WebSocket} [WebSocketClass] default the global one
 * @property {() => Promise<string|null>} [ticket] what opens one socket, asked for before each; a `CredentialRefused`
 *   ends it, any other failure is waited out
 * @property {number} [heartbeatMs] between own heartbeats
 * @property {() => number} [random] uniform in [0, 1), for the jitter
 * @property {() => number} [nowMs] a clock that never goes back
 */

export class AgntConnection {
  #url;
  #role;
  #capabilities;
  #clientId;
  #WebSocketClass;
  #ticket;
  #dialling = null;
  #heartbeatMs;
  #random;
  #listeners = new Map();
  #socket = null;
  #retryTimer = null;
  #handshakeTimer = null;
  #heartbeatTimer = null;
  #connectedAtMs = 0;
  #beatsUnanswered = 0;
  #attempt = 0;

  /**
   * @param {string} url of the server (`http:`, `https:`, `ws:` or `wss:`) or of its WebSocket; without a
   *   path the standard one is added
   * @param {"viewer"|"publisher"|"both"} role
   * @param {ConnectionOptions} options
   */
  constructor(url, role, options = {}) {
    this.#url = socketUrl(url, options.stream);
    this.#role = role;
    this.#capabilities = options.capabilities ?? ["binary"];
    this.#clientId = options.clientId ?? randomId();
    this.#WebSocketClass = options.WebSocketClass ?? globalThis.WebSocket;
    this.#ticket = options.ticket ?? null;
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.#random = options.random ?? Math.random;
    this.nowMs = options.nowMs ?? (() => performance.now());
    /** @type {ConnectionState} */
    this.state = "disconnected";
    /** The server's handshake_ack while connected, else null. */
    this.session = null;
    /** Milliseconds there and back, without the server's own time; NaN until the first answer. */
    this.roundTripMs = NaN;
    /** The server's clock minus ours, in milliseconds; NaN until the first answer. */
    this.clockOffsetMs = NaN;
    this.bytesReceived = 0;
    this.messagesReceived = 0;
  }

  /**
   * Events: `state` (StateChange), `text` (any parsed JSON message), `frame` (any Frame but positions and
   * heartbeat answers), `fault` (an Error: a message that could not be decoded).
   *
   * @param {string} event
   * @param {(detail: any) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(event, listeners);
    return () => listeners.delete(listener);
  }

  /** Starts to connect; does nothing while a connection is alive or under way. */
  connect() {
    if (this.state === "connected" || this.state === "connecting") return;
    clearTimeout(this.#retryTimer);
    this.#enter("connecting", {});
    if (this.#ticket === null) this.#dial(this.#url);
    else this.#dialByTicket();
  }

  async #dialByTicket() {
    const dialling = Symbol("the attempt that counts");
    this.#dialling = dialling;
    try {
      const ticket = await this.#ticket();
      if (this.#dialling !== dialling) return;
      const url = new URL(this.#url);
      if (ticket !== null) url.searchParams.set("ticket", ticket);
      this.#dial(url.href);
    } catch (fault) {
      if (this.#dialling !== dialling) return;
      this.#lose(fault.name === "CredentialRefused" ? CLOSE_CREDENTIALS : 0, fault.message);
    }
  }

  #dial(url) {
    let socket;
    try {
      socket = new this.#WebSocketClass(url);
    } catch (fault) {
      this.#enter("disconnected", { reason: String(fault.message ?? fault) });
      return;
    }
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const current = (handle) => (event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.onopen = current(() => this.#sendHandshake());
    socket.onmessage = current((event) => this.#receive(event.data));
    socket.onclose = current((event) => this.#lose(event.code, event.reason ?? ""));
    // The close event that follows says the same and more.
    socket.onerror = () => {};
    this.#handshakeTimer = setTimeout(
      current(() => this.abandon("the server did not answer the handshake")),
      HANDSHAKE_MS,
    );
  }

  /** Ends the connection for good; `connect()` starts anew. */
  close() {
    const socket = this.#release();
    socket?.close(1000);
    this.#attempt = 0;
    this.#enter("disconnected", {});
  }

  /** The bytes that wait in this process to be sent. */
  get bufferedBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /**
   * Sends a JSON object or one or more whole frames; only while connected.
   *
   * @param {ArrayBuffer|Uint8Array|object} message
   * @returns {boolean} whether it was handed to the socket
   */
  send(message) {
    if (this.state !== "connected" || this.#socket.readyState !== OPEN) return false;
    const binary = message instanceof ArrayBuffer || ArrayBuffer.isView(message);
    this.#socket.send(binary ? message : JSON.stringify(message));
    return true;
  }

  /** Tells the listeners of an event. A listener that throws must not end the connection of the others. */
  emit(event, detail) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(detail);
      } catch (fault) {
        queueMicrotask(() => {
          throw fault;
        });
      }
    }
  }

  /** Leaves a server that is of no use any more, and tries again later. @param {string} reason for people */
  abandon(reason) {
    if (this.#socket === null) return;
    this.#socket.close();
    this.#lose(0, reason);
  }

  /**
   * What subclasses do with a message before it is taken.
   *
   * @param {string|ArrayBuffer} data
   * @param {number} receivedAtMs
   */
  onMessage(data, receivedAtMs) {
    this.takeMessage(data, receivedAtMs);
  }

  /** What subclasses do with frames. @param {import("./agnt-codec.mjs").Frame} frame */
  onFrame(frame) {
    this.emit("frame", frame);
  }

  /** What subclasses do with JSON messages. @param {any} message */
  onText(message) {
    this.emit("text", message);
  }

  /** What subclasses forget when a connection begins. */
  onConnected() {}

  /** What subclasses drop when a connection has ended. */
  onDisconnected() {}

  /** What subclasses say in the handshake beyond the usual. @returns {object} */
  handshakeWishes() {
    return {};
  }

  /** What a heartbeat tells the server about this client. @returns {{displayedTick?: number, clientFps?: number}} */
  heartbeatReport() {
    return {};
  }

  #sendHandshake() {
    const handshake = {
      type: "handshake",
      version: "1.0.0",
      capabilities: this.#capabilities,
      clientId: this.#clientId,
      timestamp: new Date().toISOString(),
      ...(this.#role === "both" ? {} : { role: this.#role }),
      ...this.handshakeWishes(),
    };
    this.#socket.send(JSON.stringify(handshake));
  }

  /**
   * Takes one message: a frame or several, or JSON.
   *
   * @param {string|ArrayBuffer} data
   * @param {number} receivedAtMs
   */
  takeMessage(data, receivedAtMs) {
    if (typeof data === "string") {
      this.#takeText(data);
      return;
    }
    let frames;
    try {
      frames = decodeFrames(data);
    } catch (fault) {
      if (!(fault instanceof AgntDecodeError)) throw fault;
      frames = fault.frames;
      this.emit("fault", fault);
    }
    for (const frame of frames) this.takeFrame(frame, receivedAtMs);
  }

  /**
   * @param {import("./agnt-codec.mjs").Frame} frame
   * @param {number} receivedAtMs
   */
  takeFrame(frame, receivedAtMs) {
    if (frame.kind === "heartbeat") this.#takeHeartbeat(frame, receivedAtMs);
    else this.onFrame(frame, receivedAtMs);
  }

  #receive(data) {
    this.#beatsUnanswered = 0;
    this.messagesReceived += 1;
    this.bytesReceived += typeof data === "string" ? data.length : data.byteLength;
    this.onMessage(data, this.nowMs());
  }

  #takeText(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch (fault) {
      this.emit("fault", fault);
      return;
    }
    if (message?.type === "handshake_ack" && this.state === "connecting") this.#accept(message);
    else if (message?.payload?.code === "AUTH_FAILED" && this.state === "connecting") this.#turnAway(message.payload);
    else if (message?.type === "heartbeat") {
      this.send({ type: "heartbeat_ack", timestamp: message.timestamp });
    }
    this.onText(message);
  }

  #turnAway({ message, details }) {
    const socket = this.#socket;
    this.#lose(details?.reason === "scope" ? CLOSE_NOT_ALLOWED : CLOSE_CREDENTIALS, message);
    socket?.close(1000);
  }

  #accept(session) {
    clearTimeout(this.#handshakeTimer);
    this.session = session;
    this.#connectedAtMs = this.nowMs();
    this.onConnected();
    this.#enter("connected", {});
    // Silence is counted in heartbeats, not in time: a browser may let the timer of a hidden page sleep for
    // a minute, and the server is not to blame for that.
    const beat = () => {
      if (this.#beatsUnanswered >= UNANSWERED_HEARTBEATS_MAX) {
        this.abandon("the server fell silent");
        return;
      }
      this.#beatsUnanswered += 1;
      this.send(encodeHeartbeat({ clientSendUs: microseconds(this.nowMs()), ...this.heartbeatReport() }));
      this.#heartbeatTimer = setTimeout(beat, this.#heartbeatMs);
    };
    beat();
  }

  #takeHeartbeat(frame, receivedAtMs) {
    // A heartbeat without our time is the server's own and is answered by the next of ours. Answering it at
    // once could make two polite peers answer each other for ever.
    if (!frame.extended || frame.clientSendUs === 0n || frame.serverSendUs === 0n) return;
    const sentMs = Number(frame.clientSendUs) / 1000;
    const serverReceiveMs = Number(frame.serverReceiveUs) / 1000;
    const serverSendMs = Number(frame.serverSendUs) / 1000;
    this.roundTripMs = Math.max(0, receivedAtMs - sentMs - (serverSendMs - serverReceiveMs));
    this.clockOffsetMs = (serverReceiveMs - sentMs + (serverSendMs - receivedAtMs)) / 2;
  }

  #lose(code, reason) {
    this.#release();
    if (this.#connectedAtMs !== 0 && this.nowMs() - this.#connectedAtMs >= STABLE_MS) this.#attempt = 0;
    this.#connectedAtMs = 0;
    if (code === CLOSE_CREDENTIALS || code === CLOSE_NOT_ALLOWED) {
      this.#enter("disconnected", { code, reason: reason || "the server refused this client" });
      return;
    }
    const hintMs = reconnectHintMs(reason);
    const retryInMs = backoffMs(this.#attempt, hintMs, this.#random);
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.connect(), retryInMs);
    this.#enter("waiting", { code, reason, retryInMs });
  }

  #release() {
    const socket = this.#socket;
    this.#socket = null;
    this.#dialling = null;
    this.session = null;
    this.roundTripMs = NaN;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#handshakeTimer);
    clearTimeout(this.#heartbeatTimer);
    this.onDisconnected();
    return socket;
  }

  #enter(state, { reason = "", code = 0, retryInMs = 0 }) {
    this.state = state;
    this.emit("state", { state, reason, code, retryInMs, attempt: this.#attempt });
  }
}

/**
 * @param {string} url
 * @param {string} [stream]
 * @returns {string} a `ws:` or `wss:` URL with path and stream
 * @throws {RangeError} for what is no name of a stream: a browser doesn't tell why a server refuses a socket
 */
export function socketUrl(url, stream) {
  if (stream !== undefined && !STREAM_NAME.test(stream)) {
    throw new RangeError(`stream: '${stream}' is not a name; allowed are 1 to 128 characters of A-Z a-z 0-9 _ -`);
  }
  const target = new URL(url);
  target.protocol = target.protocol.replace(/^http/, "ws");
  if (target.pathname === "/") target.pathname = STREAM_PATH;
  if (stream !== undefined) target.searchParams.set("stream", stream);
  target.hash = "";
  return target.href;
}

function microseconds(ms) {
  return BigInt(Math.max(1, Math.round(ms * 1000)));
}

/** `crypto.randomUUID` exists in secure contexts only; a viewer on plain http has to do without. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
