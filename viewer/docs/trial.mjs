/**
 * @file The form by which an operation is tried on this server.
 */

import { element } from "./markup.mjs";

const SHOWN_HEADERS = /^(content-type|location|retry-after|x-ratelimit-.*|allow)$/;
/** What of an answer is shown; a stream of events would have no end. */
const SHOWN_CHARACTERS_MAX = 100_000;
const WAIT_MS_MAX = 60_000;

export class Trial {
  #openapi;
  #operation;
  #key;
  #fields = new Map();
  #body = null;
  #answer = element("div.answer", { "data-testid": "answer", "aria-live": "polite" });

  /**
   * @param {import("./openapi.mjs").OpenApi} openapi
   * @param {object} operation
   * @param {() => string} key the API key to send, if any
   */
  constructor(openapi, operation, key) {
    this.#openapi = openapi;
    this.#operation = operation;
    this.#key = key;
  }

  /** @returns {HTMLElement} */
  show() {
    const rows = (this.#operation.parameters ?? []).map((parameter) => this.#row(parameter));
    const body = this.#openapi.body(this.#operation);
    if (body) {
      const text = JSON.stringify(body.example ?? {}, null, 2);
      this.#body = element("textarea.trial-body", {
        "data-testid": "body",
        rows: Math.min(16, text.split("\n").length + 1),
        spellcheck: "false",
        "aria-label": "The body, as JSON",
      });
      this.#body.value = text;
    }
    return element(
      "form.trial",
      { submit: (event) => this.#send(event) },
      rows,
      this.#body,
      element("p.trial-send", {}, element("button", { type: "submit", "data-testid": "send" }, "Send")),
      this.#answer,
    );
  }

  #row(parameter) {
    const { name, schema = {} } = parameter;
    const found = this.#openapi.found(schema);
    const input = found.enum ? choices(found.enum) : element("input", { type: "text" });
    input.value = parameter.in === "path" ? (parameter.example ?? "") : "";
    input.placeholder = String(found.default ?? "");
    input.required = parameter.in === "path";
    input.setAttribute("data-testid", `parameter-${name}`);
    this.#fields.set(parameter, input);
    return element("label.trial-row", {}, element("span", {}, name), input);
  }

  /** The request that the form describes. */
  #request() {
    const query = new URLSearchParams();
    const headers = new Headers();
    let path = this.#operation.path;
    for (const [parameter, input] of this.#fields) {
      if (parameter.in === "path") {
        path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      } else if (input.value !== "" && parameter.in === "query") {
        query.set(parameter.name, input.value);
      } else if (input.value !== "") {
        headers.set(parameter.name, input.value);
      }
    }
    if (this.#key()) {
      headers.set("X-API-Key", this.#key());
    }
    if (this.#body?.value.trim()) {
      headers.set("Content-Type", "application/json");
    }
    const url = `${this.#openapi.base}${path}${query.size > 0 ? `?${query}` : ""}`;
    const method = this.#operation.method.toUpperCase();
    const body = this.#body?.value.trim() || undefined;
    return { url, method, headers, body };
  }

  async #send(event) {
    event.preventDefault();
    const began = performance.now();
    try {
      const { url, ...request } = this.#request();
      this.#answer.replaceChildren(element("p.note", {}, `${request.method} ${url}`));
      const signal = AbortSignal.timeout(WAIT_MS_MAX);
      const answer = await fetch(url, { ...request, signal });
      const text = await answer.text();
      this.#show(answer, text, performance.now() - began);
    } catch (error) {
      this.#answer.append(element("p.failure", { "data-testid": "failure" }, String(error.message)));
    }
  }

  #show(answer, text, tookMs) {
    const isGood = answer.status < 400;
    const status = `${answer.status} ${answer.statusText}`.trim();
    const headers = [...answer.headers]
      .filter(([name]) => SHOWN_HEADERS.test(name))
      .map(([name, value]) => `${name}: ${value}`);
    this.#answer.append(
      element(
        "p.answer-status",
        { "data-testid": "status", "data-good": String(isGood) },
        status,
        element("span.note", {}, ` ${tookMs.toFixed(0)} ms`),
      ),
      headers.length > 0 ? element("pre.headers", {}, headers.join("\n")) : "",
      text ? element("pre.json", { tabindex: "0" }, pretty(text).slice(0, SHOWN_CHARACTERS_MAX)) : "",
    );
  }
}

function choices(names) {
  const options = ["", ...names].map((name) => element("option", { value: name }, String(name)));
  return element("select", {}, options);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
