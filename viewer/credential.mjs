/**
 * @file What the page shows to be let in by: an API key or a token, kept in its memory only, and the tickets that
 * open its sockets, since a browser can't send a header field along with one.
 */

const TICKET_PATH = "/api/v1/auth/ticket";
const ANSWER_MS = 10_000;

/** The server lets nobody in by that; waiting doesn't mend it. */
export class CredentialRefused extends Error {
  constructor() {
    super("the API key or the token is not good here, or not any more");
    this.name = "CredentialRefused";
  }
}

/**
 * @param {string} credential an API key or a token; empty for none
 * @returns {Record<string, string>} the header fields that show it
 */
export function headersOf(credential) {
  return credential === "" ? {} : { Authorization: `Bearer ${credential}` };
}

export class Credential {
  #fetch;
  #text = "";

  /** @param {typeof fetch} fetch */
  constructor(fetch = globalThis.fetch.bind(globalThis)) {
    this.#fetch = fetch;
  }

  /** @param {string} text */
  use(text) {
    this.#text = text.trim();
  }

  /** Whether there is one. */
  get isGiven() {
    return this.#text !== "";
  }

  /**
   * A ticket for one socket; none where there is nothing to show.
   *
   * @returns {Promise<string|null>}
   * @throws {CredentialRefused}
   */
  async ticket() {
    if (!this.isGiven) return null;
    const answer = await this.#fetch(TICKET_PATH, {
      method: "POST",
      headers: headersOf(this.#text),
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.status === 401 || answer.status === 403) throw new CredentialRefused();
    if (!answer.ok) throw new Error(`the server gives no ticket (${answer.status})`);
    return (await answer.json()).ticket;
  }
}
