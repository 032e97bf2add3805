/**
 * @file What the panel asks the server: document B's REST API, read only.
 */

import { headersOf } from "../credential.mjs";

const BASE = "/api/v1";
const ANSWER_MS = 15_000;

/** An answer that is no good one, or none: `status` 0. */
export class ApiRefusal extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} retryAfterMs what the server asks to wait; 0 where it does not say
   */
  constructor(status, message, retryAfterMs = 0) {
    super(message);
    this.name = "ApiRefusal";
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether asking again as before can't help: credentials, permission, no such API. */
  get isFinal() {
    return [401, 403, 404].includes(this.status);
  }
}

export class Api {
  /** @param {typeof fetch} fetch */
  constructor(fetch = globalThis.fetch.bind(globalThis)) {
    this.fetch = fetch;
    /** An API key or a token; kept in the page's memory only. */
    this.key = "";
  }

  /**
   * Asks for one answer.
   *
   * @param {string} path behind the API's prefix
   * @param {Record<string, string|number>} query empty values are left out
   * @returns {Promise<any>} its JSON
   * @throws {ApiRefusal}
   */
  async get(path, query = {}) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), ANSWER_MS);
    try {
      const answer = await this.#ask(path, query, { Accept: "application/json" }, patience.signal);
      return await answer.json();
    } catch (fault) {
      throw refusalOf(fault);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Opens a stream of Server-Sent Events.
   *
   * @param {string} path
   * @param {Record<string, string|number>} query
   * @param {AbortSignal} signal
   * @returns {Promise<ReadableStream<Uint8Array>>}
   * @throws {ApiRefusal}
   */
  async stream(path, query, signal) {
    try {
      const answer = await this.#ask(path, query, { Accept: "text/event-stream" }, signal);
      return answer.body;
    } catch (fault) {
      throw refusalOf(fault);
    }
  }

  async #ask(path, query, headers, signal) {
    const given = Object.entries(query).filter(([, value]) => value !== "");
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const credentials = headersOf(this.key);
    const url = `${BASE}${path}${search.size > 0 ? `?${search}` : ""}`;
    const answer = await this.fetch(url, { headers: { ...headers, ...credentials }, signal, cache: "no-store" });
    if (!answer.ok) throw await refusalIn(answer);
    return answer;
  }
}

async function refusalIn(answer) {
  const retryAfterMs = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
  let message = `${answer.status} ${answer.statusText}`.trim();
  try {
    message = (await answer.json()).error?.message ?? message;
  } catch {
    // An answer from something between here and the server; its status says what there is to say.
  }
  return new ApiRefusal(answer.status, message, retryAfterMs);
}

function refusalOf(fault) {
  if (fault instanceof ApiRefusal) return fault;
  if (fault.name === "AbortError") return new ApiRefusal(0, "the server does not answer");
  return new ApiRefusal(0, "the server can't be reached");
}
