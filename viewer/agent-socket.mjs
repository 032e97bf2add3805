/**
 * @file A session of the agent API that comes back by itself: what `V1Client` and `ApiV1Client` have in common.
 *
 * Invariants:
 * - At most one socket is alive; callbacks of an earlier one are ignored.
 * - A subscription is asked for again on every new connection, from where its events ended. An event comes at
 *   least once; one that never will is told by `gap`.
 * - What waits to be sent is bound by `queueBytesMax`, what waits for an answer by `REQUESTS_MAX`. Every request
 *   ends: with its answer, a refusal, its timeout, or the connection.
 */

import { reconnectHintMs } from "./agnt-backoff.mjs";

export const QUEUE_BYTES_MAX = 1024 * 1024;
export const REQUESTS_MAX = 1024;
export const SUBSCRIPTIONS_MAX = 100;
export const ANSWER_MS = 30_000;
export const HEARTBEAT_MS = 15_000;
/** A connection that lasted this long was a good one: its successor starts with a short delay again. */
export const STABLE_MS = 5_000;

const OPEN = 1;
const CLOSE_CREDENTIALS = 4401;
const CLOSE_NOT_ALLOWED = 4403;
const UNANSWERED_HEARTBEATS_MAX = 3;
/** A topic of which nothing is ever told; subscribing to it tells the number of the newest event. */
const FENCE = "agnt-fence";
const CAUGHT_UP = -1;

/**
 * @typedef {object} SocketOptions
 * @property {string} [agentId] the registered agent that this client acts as
 * @property {Record<string, string>} [headers] for a WebSocket class that takes them, such as `ws`: the API key
 * @property {typeof WebSocket} [WebSocketClass] default the global one
 * @property {number} [queueBytesMax] of what waits to be sent
 * @property {() => number} [random] uniform in [0, 1), for the jitter
 * @property {() => number} [nowMs] a clock that never goes back
 */

/** Why a request or a publication has no good answer. */
export class AnswerError extends Error {
  /**
   * @param {string} code the server's or the agent's, or `QUEUE_FULL`, `TIMEOUT`, `CONNECTION_LOST`, `CLOSED`
   * @param {string} message
   * @param {object} details
   */
  constructor(code, message, details = {}) {
    super(message);
    this.name = "AnswerError";
    this.code = code;
    this.details = details;
  }

  /** What an answer that is not a good one says. @param {string} status @param {any} errors */
  static of(status, errors) {
    const texts = [errors ?? []].flat().map((error) => error?.message ?? String(error));
    return new AnswerError(status, texts.join("; ") || `the answer is ${status}`, { errors });
  }
}

export class AgentSocket {
  #url;
  #delayMs;
  #attemptsMax;
  #options;
  #listeners = new Map();
  #subscriptions = new Map();
  #requests = new Map();
  #queue = [];
  #queuedBytes = 0;
  #socket = null;
  #retryTimer = null;
  #heartbeatTimer = null;
  #connectedAtMs = 0;
  #beatsUnanswered = 0;
  #attempt = 0;
  #isListening = false;
  #fences = 0;

  /**
   * @param {string} url
   * @param {{path: string, delayMs: (attempt: number, hintMs: number, random?: () => number) => number,
   *   attemptsMax: number}} dialect
   * @param {SocketOptions} options
   */
  constructor(url, { path, delayMs, attemptsMax }, options = {}) {
    this.#url = socketUrl(url, path, options.agentId);
    this.#delayMs = delayMs;
    this.#attemptsMax = attemptsMax;
    this.#options = { queueBytesMax: QUEUE_BYTES_MAX, nowMs: () => performance.now(), ...options };
    /** @type {"disconnected"|"connecting"|"connected"|"waiting"} */
    this.state = "disconnected";
    /** The number of the event up to which everything that was asked for has come; 0 before the first. */
    this.sequence = 0;
  }

  /**
   * Events: `state` (`{state, reason, code, retryInMs, attempt}`), `event`, `gap` (`{subscription_id, from, to,
   * reason}`), `error` (an AnswerError that belongs to no request), `fault` (a message that could not be read).
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
    const { headers, WebSocketClass = globalThis.WebSocket } = this.#options;
    let socket;
    try {
      socket = headers === undefined ? new WebSocketClass(this.#url) : new WebSocketClass(this.#url, [], { headers });
    } catch (fault) {
      this.#enter("disconnected", { reason: String(fault.message ?? fault) });
      return;
    }
    this.#socket = socket;
    const current = (handle) => (event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.onopen = current(() => this.#open());
    socket.onmessage = current((event) => this.#receive(event.data));
    socket.onclose = current((event) => this.#lose(event.code, event.reason ?? ""));
    // The close event that follows says the same and more.
    socket.onerror = () => {};
  }

  /** Ends the connection for good; `connect()` starts anew, with the same subscriptions. */
  close() {
    const socket = this.#release("CLOSED", "the client was closed");
    this.#queue = [];
    this.#queuedBytes = 0;
    socket?.close(1000);
    this.#attempt = 0;
    this.#enter("disconnected", {});
  }

  /**
   * Asks for events, now and on every connection to come.
   *
   * @param {string[]} topics `*` is one segment, a trailing `>` one or more
   * @param {{filters?: object, after?: number, id?: string}} options `after`: what happened since that event, too
   * @returns {string} its id, for `unsubscribe`
   */
  subscribe(topics, { filters, after, id = uniqueId() } = {}) {
    const isNew = !this.#subscriptions.has(id);
    if (isNew && this.#subscriptions.size >= SUBSCRIPTIONS_MAX) {
      throw new RangeError(`subscribe: more than ${SUBSCRIPTIONS_MAX} subscriptions are not allowed`);
    }
    const subscription = { topics, filters, after, missedUntil: CAUGHT_UP, fence: "" };
    this.#subscriptions.set(id, subscription);
    if (this.state === "connected") this.#requestEvents([[id, subscription]]);
    return id;
  }

  /** Ends a subscription. @param {string} id */
  unsubscribe(id) {
    if (this.#subscriptions.delete(id) && this.state === "connected") this.#write(this.unsubscriptionMessage(id));
  }

  /**
   * Publishes; the promise is kept when it is on the server's disk.
   *
   * @param {string} topic
   * @param {object} data
   * @returns {Promise<number>} its sequence
   */
  publish(topic, data) {
    const id = uniqueId();
    return this.ask(id, this.publicationMessage(id, topic, data), ANSWER_MS);
  }

  /**
   * Sends what is answered under its id. Subclasses build on it.
   *
   * @param {string} id
   * @param {object} message
   * @param {number} [timeoutMs]
   * @returns {Promise<any>}
   */
  ask(id, message, timeoutMs = ANSWER_MS) {
    return new Promise((resolve, reject) => {
      if (this.#requests.size >= REQUESTS_MAX || !this.post(message, id)) {
        reject(new AnswerError("QUEUE_FULL", "more waits to be sent or answered than is allowed"));
        return;
      }
      const timer = setTimeout(() => {
        this.#unqueue(id);
        this.#settle(id)?.reject(new AnswerError("TIMEOUT", `no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#requests.set(id, { resolve, reject, timer, isSent: this.#queue.at(-1)?.id !== id });
    });
  }

  /**
   * Sends a message, or keeps it until there is a connection.
   *
   * @param {object} message
   * @param {string} [id] of what it asks
   * @returns {boolean} false where more waits than `queueBytesMax`
   */
  post(message, id) {
    const text = JSON.stringify(message);
    const waitingBytes = this.#queuedBytes + (this.#socket?.bufferedAmount ?? 0);
    // Three bytes are the most that UTF-8 needs for a unit of a text.
    const bytes = 3 * text.length;
    if (waitingBytes + bytes > this.#options.queueBytesMax) return false;
    if (this.state === "connected" && this.#socket.readyState === OPEN) {
      this.#socket.send(text);
    } else {
      this.#queue.push({ id, text, bytes });
      this.#queuedBytes += bytes;
    }
    return true;
  }

  /** What subclasses send first. @returns {object[]} */
  openingMessages() {
    return [];
  }

  #open() {
    this.#connectedAtMs = this.#options.nowMs();
    this.#isListening = false;
    this.#beatsUnanswered = 0;
    this.#enter("connected", {});
    this.openingMessages().forEach((message) => this.#write(message));
    if (this.#subscriptions.size > 0) this.#requestEvents([...this.#subscriptions]);
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { id, text } of queue) {
      this.#socket.send(text);
      const request = this.#requests.get(id);
      if (request !== undefined) request.isSent = true;
    }
    this.#scheduleHeartbeat();
  }

  #requestEvents(subscriptions) {
    this.#fences += 1;
    const fence = `${FENCE}-${this.#fences}`;
    let isFenced = false;
    for (const [id, subscription] of subscriptions) {
      const { topics, filters, after } = subscription;
      this.#write(this.subscriptionMessage({ id, topics, filters, after }));
      if (after === undefined) continue;
      Object.assign(subscription, { missedUntil: Infinity, fence });
      isFenced = true;
    }
    // The server tells what was missed first, and only then what is new. So an event that is newer than the
    // newest one of now says that everything that was missed has come.
    if (isFenced) this.#write(this.subscriptionMessage({ id: fence, topics: [FENCE] }));
  }

  #write(message) {
    if (this.#socket.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  #scheduleHeartbeat() {
    this.#heartbeatTimer = setTimeout(() => {
      if (this.#beatsUnanswered >= UNANSWERED_HEARTBEATS_MAX) {
        this.#socket.close();
        this.#lose(0, "the server fell silent");
        return;
      }
      this.#beatsUnanswered += 1;
      this.#write({ type: "heartbeat", id: uniqueId(), timestamp: new Date().toISOString(), payload: {} });
      this.#scheduleHeartbeat();
    }, HEARTBEAT_MS);
  }

  #receive(data) {
    this.#beatsUnanswered = 0;
    let message;
    try {
      message = JSON.parse(data);
    } catch (fault) {
      this.#emit("fault", fault);
      return;
    }
    if (message === null || typeof message !== "object") return;
    this.#take(this.read(message));
  }

  #take(said) {
    switch (said.kind) {
      case "event":
        this.#takeEvent(said);
        break;
      case "subscribed":
        this.#takeSubscribed(said);
        break;
      case "gap":
        this.#takeGap(said.gap);
        break;
      case "answer":
        this.#settle(said.to)?.resolve(said.value);
        break;
      case "refusal": {
        const request = this.#settle(said.to);
        if (request === undefined) this.#emit("error", said.error);
        else request.reject(said.error);
        break;
      }
      default:
    }
  }

  #takeEvent({ name, detail, sequence }) {
    if (Number.isSafeInteger(sequence)) {
      // What comes before the first subscription stands was not asked for by this client.
      if (!this.#isListening) return;
      let isCaughtUp = true;
      for (const subscription of this.#subscriptions.values()) {
        if (sequence > subscription.missedUntil) subscription.missedUntil = CAUGHT_UP;
        isCaughtUp &&= subscription.missedUntil === CAUGHT_UP;
      }
      if (isCaughtUp) this.sequence = Math.max(this.sequence, sequence);
    }
    this.#emit(name, detail);
  }

  #takeSubscribed({ id, from }) {
    this.#isListening = true;
    if (!id.startsWith(FENCE)) {
      const subscription = this.#subscriptions.get(id);
      if (subscription !== undefined) subscription.after ??= from;
      return;
    }
    this.#write(this.unsubscriptionMessage(id));
    for (const fenced of this.#subscriptions.values()) {
      if (fenced.fence === id) Object.assign(fenced, { missedUntil: from, fence: "" });
    }
  }

  #takeGap(gap) {
    if (gap.reason === "ahead") {
      // The server was set back: its events are numbered anew from there, and so is where this client stands.
      this.sequence = Math.min(this.sequence, gap.from - 1);
      for (const subscription of this.#subscriptions.values()) {
        if (subscription.after > this.sequence) subscription.after = this.sequence;
      }
    }
    this.#emit("gap", gap);
  }

  #settle(id) {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    clearTimeout(request.timer);
    this.#requests.delete(id);
    return request;
  }

  #unqueue(id) {
    this.#queue = this.#queue.filter((waiting) => waiting.id !== id);
    this.#queuedBytes = this.#queue.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #lose(code, reason) {
    const isRefused = code === CLOSE_CREDENTIALS || code === CLOSE_NOT_ALLOWED;
    this.#release("CONNECTION_LOST", "the connection was lost; whether it was carried out is not known");
    if (this.#connectedAtMs !== 0 && this.#options.nowMs() - this.#connectedAtMs >= STABLE_MS) this.#attempt = 0;
    this.#connectedAtMs = 0;
    if (isRefused || this.#attempt >= this.#attemptsMax) {
      const gaveUp = `given up after ${this.#attemptsMax} attempts`;
      this.#enter("disconnected", { code, reason: isRefused ? reason || "the server refused this client" : gaveUp });
      this.#attempt = 0;
      return;
    }
    const retryInMs = this.#delayMs(this.#attempt, reconnectHintMs(reason), this.#options.random);
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.connect(), retryInMs);
    this.#enter("waiting", { code, reason, retryInMs });
  }

  /** Lets the socket go; what was sent and not answered fails with this code. */
  #release(code, message) {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#heartbeatTimer);
    const isClosed = code === "CLOSED";
    for (const [id, { isSent }] of this.#requests) {
      if (isSent || isClosed) this.#settle(id).reject(new AnswerError(code, message));
    }
    // Whose past has not come whole is asked for it again; the others go on where the events ended.
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.missedUntil !== CAUGHT_UP || subscription.after === undefined) continue;
      subscription.after = Math.max(subscription.after, this.sequence);
    }
    return socket;
  }

  #enter(state, { reason = "", code = 0, retryInMs = 0 }) {
    this.state = state;
    this.#emit("state", { state, reason, code, retryInMs, attempt: this.#attempt });
  }

  /** A listener that throws must not end the connection of the others. */
  #emit(event, detail) {
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
}

/** A UUID; `crypto.randomUUID` exists in secure contexts only. */
export function uniqueId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function socketUrl(url, path, agentId) {
  const target = new URL(url);
  target.protocol = target.protocol.replace(/^http/, "ws");
  if (target.pathname === "/") target.pathname = path;
  if (agentId !== undefined) target.searchParams.set("agent_id", agentId);
  target.hash = "";
  return target.href;
}
