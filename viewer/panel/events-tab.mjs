/**
 * @file The tab with the newest events, as they happen; holding it lets people read.
 *
 * Invariant: `EVENTS_KEPT` of them are kept and shown, however many come.
 */

import { element } from "../docs/markup.mjs";
import { Repaint } from "./repaint.mjs";
import { RowList } from "./row-list.mjs";
import { eventRow, gapRow } from "./wording.mjs";

export const EVENTS_KEPT = 100;
const PAINT_MS = 250;

export class EventsTab {
  /** The newest first, each with its row. */
  #entries = [];
  #shown = [];
  #held = 0;
  #isHeld = false;
  #isShown = false;
  #list;
  #hold;
  #state = element("span.range", { "data-testid": "events-state" }, "");
  #empty = element("p.empty", { "data-testid": "events-empty" }, "Nothing has happened yet.");
  #repaint = new Repaint(() => this.#paint(), PAINT_MS);

  /** @param {(event: import("./event-stream.mjs").FleetEvent) => void} open */
  constructor(open) {
    this.#list = new RowList("Events, the newest first", "events-list", (key) => {
      const found = this.#shown.find(({ row }) => row.key === key)?.event;
      if (found !== undefined) open(found);
    });
    this.#hold = element(
      "button.panel-button",
      { type: "button", "aria-pressed": "false", "data-testid": "hold", click: () => this.#toggleHold() },
      "Hold",
    );
    this.element = element(
      "div.tab",
      {},
      element("div.tools", {}, this.#hold, this.#state),
      this.#list.element,
      this.#empty,
    );
  }

  /** @param {import("./event-stream.mjs").FleetEvent[]} events the newest last */
  take(events) {
    this.#prepend(events.slice(-EVENTS_KEPT).map((event) => ({ event, row: eventRow(event) })), events.length);
  }

  /** @param {{from: number, to: number, reason: string}} gap */
  takeGap(gap) {
    // Numbers that come a second time are other events.
    if (gap.reason === "ahead") this.#entries = [];
    this.#prepend([{ event: undefined, row: gapRow(gap) }], 1);
  }

  /** @param {boolean} isLive whether events come as they happen */
  showState(isLive) {
    this.#state.dataset.live = String(isLive);
    this.#sayState();
  }

  /** Whether anybody sees it; nothing is painted otherwise. @param {boolean} isShown */
  set shown(isShown) {
    this.#isShown = isShown;
    if (isShown) this.#repaint.request();
  }

  /** @param {string} [key] the row to focus; the current one where left out */
  focus(key) {
    this.#list.focus(key);
  }

  #prepend(entries, count) {
    // While it is held, the newest are remembered and the shown ones stay.
    this.#entries = [...entries.reverse(), ...this.#entries].slice(0, EVENTS_KEPT);
    if (this.#isHeld) this.#held += count;
    if (this.#isShown) this.#repaint.request();
  }

  #toggleHold() {
    this.#isHeld = !this.#isHeld;
    this.#held = 0;
    this.#hold.setAttribute("aria-pressed", String(this.#isHeld));
    this.#paint();
  }

  #paint() {
    this.#sayState();
    if (this.#isHeld || !this.#isShown) return;
    this.#shown = this.#entries;
    this.#list.show(this.#shown.map(({ row }) => row));
    this.#empty.hidden = this.#shown.length > 0;
    this.#list.element.hidden = this.#shown.length === 0;
  }

  #sayState() {
    const live = this.#state.dataset.live === "true" ? "live" : "not connected";
    const text = this.#isHeld ? `held, ${this.#held} more` : live;
    if (this.#state.textContent !== text) this.#state.textContent = text;
  }
}
