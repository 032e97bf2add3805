/**
 * @file A tab with a page of agents or tasks, read again when something of them happened.
 */

import { element } from "../docs/markup.mjs";
import { pageCount, pagesFromNewest } from "./paging.mjs";
import { RowList } from "./row-list.mjs";

export const PAGE_ROWS = 50;
/** How soon after a change, and how often without one, for heartbeats are no events. */
const CHANGED_MS = 2_000;
const UNCHANGED_MS = 10_000;
/** Reading takes at most this share of the time, so that large tasks can't stop the picture. */
const READING_SHARE = 0.2;

const number = new Intl.NumberFormat("en");

export class ListTab {
  #api;
  #kind;
  #row;
  #page = 1;
  #total = 0;
  #isReading = false;
  #isChanged = true;
  #isExpired = false;
  #changedDueAtMs = 0;
  #dueAtMs = 0;
  #list;
  #status;
  #range = element("span.range", { "data-testid": "range" });
  #newer = element("button.panel-button", { type: "button", "aria-label": "Newer" }, "‹");
  #older = element("button.panel-button", { type: "button", "aria-label": "Older" }, "›");
  #empty;

  /**
   * @param {import("./api.mjs").Api} api
   * @param {object} kind
   * @param {"agents"|"tasks"} kind.name the path, and the key of the answer's rows
   * @param {string[]} kind.statuses to choose from
   * @param {string} kind.empty what is said where there are none
   * @param {(item: any) => import("./row-list.mjs").Row} row
   * @param {(id: string) => void} open
   */
  constructor(api, kind, row, open) {
    this.#api = api;
    this.#kind = kind;
    this.#row = row;
    this.#list = new RowList(kind.name, `${kind.name}-list`, open);
    this.#status = element(
      "select.panel-select",
      { "aria-label": `Status of the ${kind.name}`, "data-testid": `${kind.name}-status` },
      element("option", { value: "" }, "any status"),
      kind.statuses.map((status) => element("option", { value: status }, status.replaceAll("_", " "))),
    );
    this.#empty = element("p.empty", { hidden: true }, kind.empty);
    this.#newer.addEventListener("click", () => this.#turn(this.#page - 1));
    this.#older.addEventListener("click", () => this.#turn(this.#page + 1));
    this.#status.addEventListener("change", () => this.#turn(1));
    const pages = element("span.pages", {}, this.#range, this.#newer, this.#older);
    const tools = element("div.tools", {}, this.#status, pages);
    this.element = element("div.tab", {}, tools, this.#list.element, this.#empty);
  }

  /** Something of the shown kind happened. */
  change() {
    this.#isChanged = true;
  }

  /** Forgets when it was read last. */
  expire() {
    this.#changedDueAtMs = 0;
    this.#isChanged = true;
    this.#isExpired = true;
  }

  /** @param {string} [id] the row to focus; the current one where left out */
  focus(id) {
    this.#list.focus(id);
  }

  /**
   * Reads the page if it is time to.
   *
   * @returns {Promise<boolean>} whether it was
   * @throws {import("./api.mjs").ApiRefusal}
   */
  async refresh() {
    const nowMs = performance.now();
    if (this.#isReading || nowMs < (this.#isChanged ? this.#changedDueAtMs : this.#dueAtMs)) return false;
    this.#isReading = true;
    this.#isChanged = false;
    this.#isExpired = false;
    let restMs = 0;
    try {
      const items = await this.#read();
      // Another page or status was chosen meanwhile; it is read next.
      if (!this.#isExpired) this.#show(items);
      return true;
    } catch (refusal) {
      // What was asked before a change, such as of the key, was refused; the next reading tells what holds now.
      if (this.#isExpired) return false;
      restMs = refusal.retryAfterMs ?? 0;
      throw refusal;
    } finally {
      const endedAtMs = performance.now();
      restMs = Math.max(restMs, (endedAtMs - nowMs) / READING_SHARE);
      this.#changedDueAtMs = this.#isExpired ? 0 : endedAtMs + Math.max(CHANGED_MS, restMs);
      this.#dueAtMs = endedAtMs + Math.max(UNCHANGED_MS, restMs);
      this.#isReading = false;
    }
  }

  /** The newest rows are on the server's last pages, so their number has to be known first. */
  async #read() {
    for (let attempt = 0; ; attempt += 1) {
      const { pages, skip, count } = pagesFromNewest(this.#total, this.#page, PAGE_ROWS);
      const answers = await Promise.all(pages.map((page) => this.#ask(page)));
      const before = this.#total;
      this.#total = answers[0].pagination.total;
      this.#page = Math.min(this.#page, pageCount(this.#total, PAGE_ROWS));
      // What came between two readings is shown by the next one.
      if (this.#total === before || attempt > 0) {
        const rows = answers.flatMap((answer) => answer[this.#kind.name]);
        return rows.slice(skip, skip + count).reverse();
      }
    }
  }

  #ask(page) {
    return this.#api.get(`/${this.#kind.name}`, { page, limit: PAGE_ROWS, status: this.#status.value });
  }

  #turn(page) {
    this.#page = page;
    this.expire();
    this.element.dispatchEvent(new CustomEvent("turn", { bubbles: true }));
  }

  #show(items) {
    const pages = pageCount(this.#total, PAGE_ROWS);
    const first = (this.#page - 1) * PAGE_ROWS;
    this.#list.show(items.map(this.#row));
    const shown = `${number.format(first + 1)}–${number.format(first + items.length)}`;
    this.#range.textContent = items.length === 0 ? "" : `${shown} of ${number.format(this.#total)}`;
    this.#newer.disabled = this.#page <= 1;
    this.#older.disabled = this.#page >= pages;
    this.#empty.hidden = items.length > 0;
    this.#list.element.hidden = items.length === 0;
  }
}
