/**
 * @file Why the panel has nothing to show, and what to do about it: give an API key, or wait.
 */

import { element } from "../docs/markup.mjs";

const TEXTS = {
  401: ["This server wants an API key or a token", "It is kept in this page only, until the page is left."],
  403: ["This API key or token is not enough", ""],
  404: ["No agent API here", "This server shows the swarm alone."],
};

export class Trouble {
  #title = element("p.trouble-title", { "data-testid": "trouble-title" });
  #text = element("p.trouble-text", { "data-testid": "trouble-text" });
  #key = element("input.panel-input", {
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "API key or token",
    "data-testid": "key",
  });
  #form;

  /** @param {(key: string) => void} giveKey */
  constructor(giveKey) {
    const submit = (event) => {
      event.preventDefault();
      giveKey(this.#key.value.trim());
      this.#key.value = "";
    };
    const use = element("button.panel-button", { type: "submit" }, "Use it");
    this.#form = element("form.key-form", { submit }, this.#key, use);
    this.element = element(
      "div.trouble",
      { hidden: true, role: "alert", "data-testid": "trouble" },
      this.#title,
      this.#text,
      this.#form,
    );
  }

  /** @param {import("./api.mjs").ApiRefusal} refusal */
  show(refusal) {
    const [title, explanation] = TEXTS[refusal.status] ?? ["The agent API does not answer", ""];
    const reason = refusal.status === 404 ? "" : refusal.message;
    const text = [reason, explanation].filter(Boolean).join(". ");
    // A reader of the screen says it once, however often it is tried in vain.
    if (this.#title.textContent !== title) this.#title.textContent = title;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#form.hidden = refusal.status !== 401 && refusal.status !== 403;
    this.element.hidden = false;
  }

  hide() {
    this.element.hidden = true;
  }
}
