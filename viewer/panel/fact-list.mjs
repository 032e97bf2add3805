/**
 * @file Facts under their names, changed in place: what is selected or has the focus stays so.
 */

import { element } from "../docs/markup.mjs";
import { Link } from "./wording.mjs";

export class FactList {
  #values = [];
  #open;

  /** @param {(kind: "agents"|"tasks", id: string) => void} open follows a link */
  constructor(open) {
    this.#open = open;
    this.element = element("dl.facts");
  }

  /** @param {import("./wording.mjs").Facts} facts */
  show(facts) {
    const hasName = ([name], at) => name === this.#values[at].name;
    if (facts.length !== this.#values.length || !facts.every(hasName)) {
      this.#values = facts.map(([name]) => ({ name, shown: null, part: element("dd", { "data-fact": name }) }));
      this.element.replaceChildren(...this.#values.flatMap(({ name, part }) => [element("dt", {}, name), part]));
    }
    facts.forEach(([, value], at) => this.#fill(this.#values[at], value));
  }

  #fill(value, fact) {
    const text = fact instanceof Link ? fact.id : fact;
    if (value.shown === text) return;
    value.shown = text;
    if (fact instanceof Link) {
      const follow = () => this.#open(fact.kind, fact.id);
      value.part.replaceChildren(element("button.link", { type: "button", click: follow }, text));
    } else {
      value.part.textContent = text;
    }
  }
}
