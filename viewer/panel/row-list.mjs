/**
 * @file A list of rows to walk through with arrow keys and to open with Enter or a click.
 *
 * Rows are told apart by key: a row that stays keeps its element, its place in the scrolled list and the focus.
 */

import { element } from "../docs/markup.mjs";

const PAGE_ROWS = 10;

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {string} mark what colours its dot: a status or a kind
 * @property {string} title
 * @property {string} note
 * @property {string} side
 * @property {string} sideNote
 */

export class RowList {
  #rows = new Map();
  #currentKey = null;
  #open;

  /**
   * @param {string} label
   * @param {string} testId
   * @param {(key: string) => void} open
   */
  constructor(label, testId, open) {
    this.#open = open;
    this.element = element("ul.rows", { role: "listbox", "aria-label": label, "data-testid": testId });
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("click", (event) => {
      const key = event.target.closest("[role=option]")?.dataset.key;
      if (key !== undefined) this.#open(key);
    });
    this.element.addEventListener("focusin", (event) => {
      const key = event.target.dataset.key;
      if (key !== undefined) this.#setCurrent(key);
    });
  }

  /** @param {Row[]} rows */
  show(rows) {
    const hadFocus = this.element.contains(document.activeElement);
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { item }] of this.#rows) {
      if (keys.has(key)) continue;
      item.remove();
      this.#rows.delete(key);
    }
    let next = this.element.firstElementChild;
    for (const row of rows) {
      const parts = this.#rows.get(row.key) ?? this.#make(row.key);
      fill(parts, row);
      if (parts.item === next) next = next.nextElementSibling;
      else this.element.insertBefore(parts.item, next);
    }
    if (!keys.has(this.#currentKey)) this.#setCurrent(rows[0]?.key ?? null);
    if (hadFocus && !this.element.contains(document.activeElement)) this.focus();
  }

  /** Moves the focus to the row that has it within the list. @param {string} [key] */
  focus(key = this.#currentKey) {
    const parts = this.#rows.get(key) ?? this.#rows.get(this.#currentKey);
    parts?.item.focus();
  }

  #make(key) {
    const names = { title: "row-title", side: "row-side", note: "row-note", sideNote: "row-note" };
    const made = Object.entries(names).map(([name, style]) => [name, element(`span.${style}`)]);
    const parts = Object.fromEntries(made);
    const mark = element("span.mark", { "aria-hidden": "true" });
    const item = element(
      "li.row",
      { role: "option", "aria-selected": "false", tabindex: "-1", "data-key": key },
      mark,
      element("span.row-line", {}, parts.title, parts.side),
      element("span.row-line", {}, parts.note, parts.sideNote),
    );
    const row = { ...parts, mark, item };
    this.#rows.set(key, row);
    return row;
  }

  #setCurrent(key) {
    const select = (parts, isCurrent) => {
      if (parts === undefined) return;
      parts.item.tabIndex = isCurrent ? 0 : -1;
      parts.item.setAttribute("aria-selected", String(isCurrent));
    };
    select(this.#rows.get(this.#currentKey), false);
    select(this.#rows.get(key), true);
    this.#currentKey = key;
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const items = [...this.element.children];
    const at = items.indexOf(this.#rows.get(this.#currentKey)?.item);
    const moves = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + PAGE_ROWS,
      PageUp: at - PAGE_ROWS,
      Home: 0,
      End: items.length - 1,
    };
    if (event.key in moves) {
      items[Math.min(items.length - 1, Math.max(0, moves[event.key]))]?.focus();
    } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
      this.#open(this.#currentKey);
    } else {
      return;
    }
    event.preventDefault();
  }
}

function fill(parts, row) {
  for (const name of ["title", "note", "side", "sideNote"]) {
    if (parts[name].textContent !== row[name]) parts[name].textContent = row[name];
  }
  if (parts.mark.dataset.mark !== row.mark) parts.mark.dataset.mark = row.mark;
}
