/**
 * @file The panel beside the swarm: agents, tasks, events, and who is behind a dot.
 *
 * Invariants:
 * - Closed, or in a page that nobody sees, it asks the server nothing and holds no connection.
 * - What the server and the agents say goes in as text, never as markup.
 */

import { element } from "../docs/markup.mjs";
import { Api, ApiRefusal } from "./api.mjs";
import { DetailView } from "./detail-view.mjs";
import { EventStream } from "./event-stream.mjs";
import { EventsTab } from "./events-tab.mjs";
import { ListTab } from "./list-tab.mjs";
import { AgentSubject, DotSubject, EventSubject, TaskSubject } from "./subject.mjs";
import { Trouble } from "./trouble.mjs";
import { agentRow, taskRow } from "./wording.mjs";

export const TAB_NAMES = Object.freeze(["agents", "tasks", "events"]);
const TITLES = { agents: "Agents", tasks: "Tasks", events: "Events" };
const STEP_MS = 250;
/** How soon after an event what is shown in detail is read again, and how often without one. */
const CHANGED_MS = 1_000;
const UNCHANGED_MS = 10_000;

const AGENTS = {
  name: "agents",
  statuses: ["idle", "busy", "error", "offline", "starting", "stopping"],
  empty: "No agents are registered.",
};
const TASKS = {
  name: "tasks",
  statuses: ["pending", "in_progress", "completed", "failed", "cancelled", "timeout"],
  empty: "There are no tasks.",
};

export class Panel {
  #element;
  #toggle;
  #scene;
  #api;
  #stream;
  #tabs;
  #tabButtons = new Map();
  #active = "agents";
  #lists;
  #detail;
  #trouble;
  #refusal = null;
  #subject = null;
  #readAtMs = -Infinity;
  #isReading = false;
  #isChanged = false;
  #timer = null;

  /**
   * @param {HTMLElement} root an empty element that becomes the panel
   * @param {HTMLButtonElement} toggle opens and closes it
   * @param {import("./subject.mjs").Scene} scene
   * @param {Api} api
   */
  constructor(root, toggle, scene, api = new Api()) {
    this.#element = root;
    this.#toggle = toggle;
    this.#scene = scene;
    this.#api = api;
    this.#tabs = {
      agents: new ListTab(api, AGENTS, agentRow, (id) => this.#show(new AgentSubject(id), true)),
      tasks: new ListTab(api, TASKS, taskRow, (id) => this.#show(new TaskSubject(id), true)),
      events: new EventsTab((event) => this.#show(new EventSubject(event), true)),
    };
    this.#stream = new EventStream(api, {
      onEvents: (events, skipped) => this.#hear(events, skipped),
      onGap: (gap) => this.#tabs.events.takeGap(gap),
      onState: (isLive, refusal) => this.#hearState(isLive, refusal),
    });
    this.#detail = new DetailView(
      () => this.#leaveDetail(),
      (kind, id) => this.#show(kind === "agents" ? new AgentSubject(id) : new TaskSubject(id), true),
    );
    this.#trouble = new Trouble((key) => this.useKey(key));
    this.#build();
    toggle.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    document.addEventListener("visibilitychange", () => this.#wake());
  }

  get isOpen() {
    return !this.#element.hidden;
  }

  /** The number of the dot that is shown, or null. */
  get dotId() {
    return this.isOpen ? (this.#subject?.dotId(this.#scene) ?? null) : null;
  }

  /** @param {string} tab one of TAB_NAMES */
  open(tab = this.#active) {
    // While it is hidden, so that nothing is read twice.
    this.#choose(tab);
    this.#element.hidden = false;
    this.#toggle.setAttribute("aria-expanded", "true");
    this.retry();
  }

  close() {
    const hadFocus = this.#element.contains(document.activeElement);
    this.#element.hidden = true;
    this.#toggle.setAttribute("aria-expanded", "false");
    if (hadFocus) this.#toggle.focus();
    this.#wake();
  }

  /** Shows who is behind a dot. @param {number} id */
  showDot(id) {
    if (!this.isOpen) this.open();
    this.#show(new DotSubject(id), false);
  }

  /** Shows the lists, where a dot or an agent was shown. */
  clear() {
    if (this.#subject?.dotId(this.#scene) != null) this.#leaveDetail();
  }

  /** @param {string} key the API key to send from now on */
  useKey(key) {
    this.#api.key = key;
    // What it asked with another key says nothing of this one.
    this.#stream.stop();
    if (this.isOpen) this.retry();
  }

  /** Asks again at once, such as when the server has come back. */
  retry() {
    this.#refusal = null;
    this.#trouble.hide();
    this.#tabs.agents.expire();
    this.#tabs.tasks.expire();
    this.#readAtMs = -Infinity;
    this.#arrange();
    this.#wake();
  }

  #build() {
    const close = element(
      "button.panel-button",
      { type: "button", "aria-label": "Close the panel", "data-testid": "panel-close", click: () => this.close() },
      "×",
    );
    const tabList = element("div.panel-tabs", { role: "tablist", "aria-label": "What the panel shows" });
    for (const name of TAB_NAMES) {
      const choose = () => this.#choose(name);
      const attributes = { role: "tab", id: `tab-${name}`, "aria-controls": `tabpanel-${name}` };
      const button = element("button.panel-tab", { type: "button", ...attributes, click: choose }, TITLES[name]);
      this.#tabButtons.set(name, button);
      tabList.append(button);
      const panel = { role: "tabpanel", id: `tabpanel-${name}`, "aria-labelledby": `tab-${name}` };
      Object.entries(panel).forEach(([key, value]) => this.#tabs[name].element.setAttribute(key, value));
    }
    tabList.addEventListener("keydown", (event) => this.#pressTab(event));
    this.#lists = element("div.lists", {}, TAB_NAMES.map((name) => this.#tabs[name].element));
    this.#element.append(
      element("header.panel-head", {}, tabList, close),
      this.#trouble.element,
      this.#lists,
      this.#detail.element,
    );
    this.#element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      if (this.#subject === null) this.close();
      else this.#leaveDetail();
    });
    this.#element.addEventListener("turn", () => this.#step());
    this.#choose(this.#active);
  }

  #choose(name) {
    this.#active = TAB_NAMES.includes(name) ? name : "agents";
    for (const [other, button] of this.#tabButtons) {
      const isActive = other === this.#active;
      button.setAttribute("aria-selected", String(isActive));
      button.tabIndex = isActive ? 0 : -1;
      this.#tabs[other].element.hidden = !isActive;
    }
    this.#subject = null;
    this.#detail.hide();
    this.#arrange();
    this.#step();
  }

  #pressTab(event) {
    const at = TAB_NAMES.indexOf(this.#active);
    const moves = { ArrowRight: at + 1, ArrowLeft: at + TAB_NAMES.length - 1, Home: 0, End: TAB_NAMES.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.#choose(TAB_NAMES[moves[event.key] % TAB_NAMES.length]);
    this.#tabButtons.get(this.#active).focus();
  }

  #show(subject, takesFocus) {
    this.#subject = subject;
    this.#readAtMs = -Infinity;
    this.#detail.show(subject.detail(this.#scene));
    this.#element.scrollTop = 0;
    this.#arrange();
    if (takesFocus) this.#detail.focus();
    this.#step();
  }

  #leaveDetail() {
    const { kind, id } = this.#subject ?? {};
    const hadFocus = this.#detail.element.contains(document.activeElement);
    this.#subject = null;
    this.#detail.hide();
    this.#arrange();
    if (hadFocus) this.#tabs[this.#active].focus(kind === this.#active ? id : undefined);
  }

  /** Shows lists or detail, or, where the API can't be used, neither but the reason. */
  #arrange() {
    const isUsable = this.#refusal === null || !this.#refusal.isFinal;
    this.#lists.hidden = this.#subject !== null || !isUsable;
    this.#tabs.events.shown = this.isOpen && this.#active === "events" && !this.#lists.hidden;
  }

  /** Starts or stops what costs something. */
  #wake() {
    const isSeen = this.isOpen && document.visibilityState !== "hidden";
    clearInterval(this.#timer);
    if (!isSeen) {
      this.#stream.stop();
      this.#arrange();
      return;
    }
    this.#timer = setInterval(() => this.#step(), STEP_MS);
    if (!this.#refusal?.isFinal) this.#stream.start();
    this.#step();
  }

  #step() {
    if (!this.isOpen) return;
    if (this.#subject !== null) this.#detail.show(this.#subject.detail(this.#scene));
    if (this.#refusal?.isFinal) return;
    if (this.#subject !== null) this.#readSubject();
    else if (this.#active !== "events") this.#readList(this.#tabs[this.#active]);
  }

  async #readList(list) {
    try {
      if (await list.refresh()) this.#recover();
    } catch (refusal) {
      this.#refuse(refusal);
    }
  }

  async #readSubject() {
    const nowMs = performance.now();
    if (this.#isReading || nowMs - this.#readAtMs < (this.#isChanged ? CHANGED_MS : UNCHANGED_MS)) return;
    const subject = this.#subject;
    this.#isReading = true;
    this.#isChanged = false;
    this.#readAtMs = nowMs;
    try {
      await subject.read(this.#api, this.#scene);
      this.#recover();
    } catch (refusal) {
      // Unless it was asked before a change, such as of the key.
      if (this.#readAtMs === nowMs) {
        this.#readAtMs = nowMs + (refusal.retryAfterMs ?? 0);
        this.#refuse(refusal);
      }
    } finally {
      this.#isReading = false;
    }
    if (this.#subject === subject) this.#detail.show(subject.detail(this.#scene));
    // Someone chose something else meanwhile.
    else this.#readAtMs = -Infinity;
  }

  #hear(events, skipped) {
    this.#tabs.events.take(events);
    for (const event of events) {
      const kind = event.event_type.split(".")[0];
      if (kind === "agent" || kind === "task") this.#tabs.agents.change();
      if (kind === "task") this.#tabs.tasks.change();
      if (this.#subject?.isAbout(event.payload ?? {}, event)) this.#isChanged = true;
    }
    if (skipped === 0) return;
    this.#tabs.agents.change();
    this.#tabs.tasks.change();
    this.#isChanged = true;
  }

  #hearState(isLive, refusal) {
    this.#tabs.events.showState(isLive);
    if (isLive) this.#recover();
    else if (refusal !== null) this.#refuse(refusal);
  }

  #refuse(refusal) {
    if (!(refusal instanceof ApiRefusal)) throw refusal;
    this.#refusal = refusal;
    this.#trouble.show(refusal);
    if (refusal.isFinal) this.#stream.stop();
    this.#arrange();
  }

  #recover() {
    if (this.#refusal === null || this.#refusal.isFinal) return;
    this.#refusal = null;
    this.#trouble.hide();
    this.#arrange();
  }
}
