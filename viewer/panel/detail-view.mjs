/**
 * @file One agent, task, event or dot, with all that is known of it.
 */

import { element } from "../docs/markup.mjs";
import { FactList } from "./fact-list.mjs";
import { RowList } from "./row-list.mjs";
import { jsonText } from "./wording.mjs";

/**
 * @typedef {object} Detail
 * @property {string} title
 * @property {string} mark
 * @property {string} side
 * @property {string} [hint] a sentence on what could not be found
 * @property {import("./wording.mjs").Facts} facts
 * @property {import("./row-list.mjs").Row[]} [tasks]
 * @property {Array<[string, any]>} [data] shown as JSON, empty values left out
 */

export class DetailView {
  #title = element("h2.detail-title", { "data-testid": "detail-title", "aria-live": "polite" });
  #mark = element("span.mark", { "aria-hidden": "true" });
  #side = element("span.row-side", { "data-testid": "detail-side" });
  #hint = element("p.detail-hint", { "data-testid": "detail-hint" });
  #facts;
  #tasksTitle = element("h3", {}, "Open tasks");
  #tasks;
  #data = element("div");
  #shownData = [];
  #back;

  /**
   * @param {() => void} back
   * @param {(kind: "agents"|"tasks", id: string) => void} open
   */
  constructor(back, open) {
    this.#facts = new FactList(open);
    this.#tasks = new RowList("Open tasks of this agent", "detail-tasks", (id) => open("tasks", id));
    this.#back = element("button.panel-button", { type: "button", "data-testid": "back", click: back }, "← Back");
    this.element = element(
      "section.detail",
      { hidden: true, "data-testid": "detail" },
      element("p", {}, this.#back),
      element("div.detail-head", {}, this.#mark, this.#title, this.#side),
      this.#hint,
      this.#facts.element,
      this.#tasksTitle,
      this.#tasks.element,
      this.#data,
    );
  }

  /** @param {Detail} detail */
  show({ title, mark, side, hint = "", facts, tasks = [], data = [] }) {
    this.element.hidden = false;
    if (this.#title.textContent !== title) this.#title.textContent = title;
    this.#mark.dataset.mark = mark;
    this.#side.textContent = side;
    this.#hint.textContent = hint;
    this.#hint.hidden = hint === "";
    this.#facts.show(facts);
    this.#tasksTitle.hidden = tasks.length === 0;
    this.#tasks.element.hidden = tasks.length === 0;
    this.#tasks.show(tasks);
    this.#showData(data.filter(([, value]) => value !== undefined && value !== null && !isEmpty(value)));
  }

  hide() {
    this.element.hidden = true;
  }

  focus() {
    this.#back.focus();
  }

  /** Values are told apart by identity: to compare large ones would take longer than to show them. */
  #showData(data) {
    const isSame = (value, at) => value[0] === this.#shownData[at][0] && value[1] === this.#shownData[at][1];
    if (data.length === this.#shownData.length && data.every(isSame)) return;
    this.#shownData = data;
    this.#data.replaceChildren(
      ...data.flatMap(([name, value]) => [
        element("h3", {}, name),
        element("pre.json", { tabindex: "0" }, jsonText(value)),
      ]),
    );
  }
}

function isEmpty(value) {
  return typeof value === "object" && Object.keys(value).length === 0;
}
