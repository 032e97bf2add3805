/**
 * @file The fleet's events as they happen, read by `fetch`, for that can send an API key.
 *
 * It goes on where it was cut off. A piece that brings more events than anybody can read is read in part: the
 * newest `EVENTS_PER_PIECE_MAX` of it, so that a flood of events can't stop the picture.
 */

import { backoffMs } from "../agnt-backoff.mjs";
import { ApiRefusal } from "./api.mjs";
import { SseReader } from "./sse-reader.mjs";

export const EVENTS_PER_PIECE_MAX = 200;
/** How many events from before it began are shown. */
export const PAST_EVENTS = 50;
/** The server writes a comment every 15 s; after this much silence it is gone. */
const SILENCE_MS = 45_000;
const STABLE_MS = 5_000;

/**
 * @typedef {object} FleetEvent
 * @property {number} sequence
 * @property {string} event_type
 * @property {string} timestamp
 * @property {string} topic
 * @property {object} payload
 * @property {string} [source_agent]
 * @property {string} [target_agent]
 */

export class EventStream {
  #api;
  #heard;
  #abort = null;
  #after = null;

  /**
   * @param {import("./api.mjs").Api} api
   * @param {object} heard
   * @param {(events: FleetEvent[], skipped: number) => void} heard.onEvents
   * @param {(gap: {from: number, to: number, reason: string}) => void} heard.onGap
   * @param {(isLive: boolean, refusal: import("./api.mjs").ApiRefusal|null) => void} heard.onState
   */
  constructor(api, heard) {
    this.#api = api;
    this.#heard = heard;
  }

  /** Begins to read, or goes on; does nothing while it reads. */
  start() {
    if (this.#abort !== null) return;
    this.#abort = new AbortController();
    this.#run(this.#abort.signal);
  }

  /** Stops reading; `start` goes on behind the last event. */
  stop() {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #run(signal) {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const beganAtMs = performance.now();
      let refusal = null;
      try {
        await this.#read(signal);
      } catch (fault) {
        refusal = fault instanceof ApiRefusal ? fault : new ApiRefusal(0, "the stream of events was cut off");
      }
      if (signal.aborted) return;
      this.#heard.onState(false, refusal);
      if (refusal?.isFinal) {
        this.#abort = null;
        return;
      }
      if (performance.now() - beganAtMs > STABLE_MS) attempt = 0;
      await pause(backoffMs(attempt, refusal?.retryAfterMs ?? 0), signal);
    }
  }

  async #read(signal) {
    if (this.#after === null) {
      const { head } = await this.#api.get("/events", { limit: 1 });
      if (signal.aborted) return;
      this.#after = Math.max(0, head - PAST_EVENTS);
    }
    const silence = new AbortController();
    const end = () => silence.abort();
    signal.addEventListener("abort", end);
    let timer = setTimeout(end, SILENCE_MS);
    try {
      const body = await this.#api.stream("/events", { after: this.#after }, silence.signal);
      this.#heard.onState(true, null);
      const [pieces, decoder, reader] = [body.getReader(), new TextDecoder(), new SseReader()];
      for (;;) {
        const { value, done } = await pieces.read();
        if (done || signal.aborted) return;
        clearTimeout(timer);
        timer = setTimeout(end, SILENCE_MS);
        this.#take(reader.push(decoder.decode(value, { stream: true })));
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      silence.abort();
    }
  }

  #take(messages) {
    const events = [];
    for (const { event, data } of messages.slice(-EVENTS_PER_PIECE_MAX)) {
      const told = JSON.parse(data);
      if (event === "gap") {
        // Events "ahead" of the newest one never were: the server was set back, and so are we.
        if (told.reason === "ahead") this.#after = told.from - 1;
        this.#heard.onGap(told);
        continue;
      }
      const known = eventOf(told);
      this.#after = known.sequence;
      events.push(known);
    }
    const skipped = Math.max(0, messages.length - EVENTS_PER_PIECE_MAX);
    if (events.length > 0) this.#heard.onEvents(events, skipped);
  }
}

/** What a client published has an envelope of its own. @returns {FleetEvent} */
function eventOf(told) {
  const { publication } = told;
  if (publication === undefined) return told;
  const { data, source, ...placed } = publication;
  return { ...placed, event_type: "publication", source_agent: source, payload: data };
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
