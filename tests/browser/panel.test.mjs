/**
 * @file The panel beside the swarm in a real browser against a real server.
 *
 * `AGNT_BIN` names the server program. Waiting has generous limits and no time is a result.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";

import { launchChromium } from "./chromium.mjs";
import { startServer } from "./server.mjs";

const WAIT = { timeout: 60_000 };
const VIEW = { viewport: { width: 1280, height: 720 } };
const MARKUP = `<img src="x" onerror="window.isInjected = true"><b>bold</b>`;
const FLOOD = 1500;
const EVENTS_SHOWN_MAX = 100;

let server;
let browser;
const complaints = [];

const serve = () => startServer(["serve", "--listen", "127.0.0.1:0", "--rate-limit", "0"]);

/** Asks the server under test as document B says. */
async function ask(method, path, body, base = server.url) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

const register = (id, more = {}) =>
  ask("POST", "/agents/register", { id, type: "tester", name: id, capabilities: ["test"], ...more });
const createTask = (id, agent) =>
  ask("POST", "/tasks", { id, type: "check", assigned_agent: agent, input_data: { n: 1 } });

/** The viewer in a page of its own; what it should not say in its console is a complaint. */
async function openViewer(query = "", { expected = /GL Driver Message/, isLetIn = true } = {}) {
  const page = await browser.newPage(VIEW);
  page.setDefaultTimeout(WAIT.timeout);
  page.on("pageerror", (fault) => complaints.push(String(fault)));
  page.on("console", (message) => {
    const isExpected = /GL Driver Message/.test(message.text()) || expected.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isExpected) complaints.push(message.text());
  });
  await page.goto(`${server.url}/${query}`);
  const connects = () => window.agntViewer?.connectionState === "connected";
  if (isLetIn) await page.waitForFunction(connects, null, WAIT);
  return page;
}

/** A page that publishes one dot, which does not move, thirty times a second. */
async function publishDot(stream, clientId, id) {
  const page = await browser.newPage();
  await page.goto(`${server.url}/icon.svg`);
  await page.evaluate(
    async ([stream, clientId, id]) => {
      const { AgntPublisher } = await import("/agnt-publisher.mjs");
      const publisher = new AgntPublisher(location.origin, { stream, clientId });
      publisher.connect();
      while (publisher.state !== "connected") await new Promise((resolve) => publisher.on("state", resolve));
      publisher.describe([{ id, name: `dot-${id}`, type: "dot" }]);
      setInterval(() => publisher.publish([{ id, x: 5, y: 6, z: 7, vx: 0, vy: 0, vz: 0 }]), 1000 / 30);
    },
    [stream, clientId, id],
  );
  return page;
}

const row = (page, list, id) => page.getByTestId(`${list}-list`).locator(`[data-key="${id}"]`);
const keysIn = (page, list) =>
  page
    .getByTestId(`${list}-list`)
    .getByRole("option")
    .evaluateAll((rows) => rows.map((one) => one.dataset.key));
const fact = (page, name) => page.getByTestId("detail").locator(`[data-fact="${name}"]`);
const untilText = (locator, text) => locator.filter({ hasText: text }).waitFor(WAIT);
/** The only dot of a stream is in the middle of the picture. */
async function clickDot(page) {
  await page.waitForFunction(() => window.agntViewer.agents === 1 && window.agntViewer.drawnFrames > 5, null, WAIT);
  const { width, height } = await page.locator("#view").boundingBox();
  await page.mouse.click(width / 2, height / 2);
  await page.getByTestId("detail").waitFor(WAIT);
}

before(async () => {
  server = await serve();
  browser = await launchChromium();
  await register("a-1", { configuration: { max_concurrent_tasks: 3 } });
  await register("a-2", { name: MARKUP });
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

test("agents, tasks and events are shown, and what changes is shown as it happens", async () => {
  const page = await openViewer();
  const toggle = page.getByTestId("panel-toggle");
  assert.equal(await toggle.getAttribute("aria-expanded"), "false");
  await toggle.focus();
  await page.keyboard.press("Enter");
  assert.equal(await toggle.getAttribute("aria-expanded"), "true");
  await untilText(row(page, "agents", "a-1"), "0 of 3 tasks");
  await createTask("t-1", "a-1");
  await ask("PATCH", "/tasks/t-1", { status: "in_progress", progress: 40, assigned_agent: "a-1" });
  await untilText(row(page, "agents", "a-1"), "1 of 3 tasks");
  await register("a-3");
  await row(page, "agents", "a-3").waitFor(WAIT);

  await page.getByRole("tab", { name: "Tasks" }).click();
  await untilText(row(page, "tasks", "t-1"), "in progress 40 %");
  await ask("PATCH", "/tasks/t-1", { status: "completed", output_data: { ok: true } });
  await untilText(row(page, "tasks", "t-1"), "completed");

  await page.getByRole("tab", { name: "Events" }).click();
  await untilText(page.getByTestId("events-state"), "live");
  await ask("POST", "/events", { topic: "deploy.finished", data: {} });
  await untilText(page.getByTestId("events-list"), "deploy.finished");
  const { events } = await ask("GET", "/events?limit=100");
  assert.deepEqual(await keysIn(page, "events"), events.map((event) => String((event.publication ?? event).sequence)).reverse());
  await page.close();
});

test("lists are filtered by status", async () => {
  const page = await openViewer("?panel=tasks");
  await createTask("t-done", "a-2");
  await ask("PATCH", "/tasks/t-done", { status: "completed", assigned_agent: "a-2" });
  await createTask("t-open", "a-2");
  await row(page, "tasks", "t-open").waitFor(WAIT);
  await page.getByTestId("tasks-status").selectOption("completed");
  await row(page, "tasks", "t-open").waitFor({ state: "detached", ...WAIT });
  assert.equal(await row(page, "tasks", "t-done").count(), 1);
  await page.getByTestId("tasks-status").selectOption("timeout");
  await page.getByText("There are no tasks.").waitFor(WAIT);
  await page.close();
});

test("more rows than fit are paged, the newest first", async () => {
  for (let index = 0; index < 60; index += 1) await createTask(`many-${index}`, "a-2");
  const { pagination } = await ask("GET", "/tasks?limit=1");
  const page = await openViewer("?panel=tasks");
  const range = page.locator("#tabpanel-tasks").getByTestId("range");
  const newest = Array.from({ length: 50 }, (_, index) => `many-${59 - index}`);
  await untilText(range, `1–50 of ${pagination.total}`);
  assert.deepEqual(await keysIn(page, "tasks"), newest);
  await page.locator("#tabpanel-tasks").getByRole("button", { name: "Older" }).click();
  await untilText(range, `51–${pagination.total} of ${pagination.total}`);
  const older = Array.from({ length: 10 }, (_, index) => `many-${9 - index}`);
  assert.deepEqual((await keysIn(page, "tasks")).slice(0, 11), [...older, "t-open"]);
  await page.close();
});

test("the keyboard walks through rows, opens them and comes back", async () => {
  const page = await openViewer("?panel=agents");
  await row(page, "agents", "a-1").waitFor(WAIT);
  const focused = () => page.evaluate(() => document.activeElement.dataset.key ?? document.activeElement.id);
  await page.getByRole("tab", { name: "Agents" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "tab-tasks");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Home");
  const rows = page.getByTestId("agents-list").getByRole("option");
  await rows.first().focus();
  await page.keyboard.press("End");
  assert.equal(await focused(), "a-1", "the oldest is the last");
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), "a-2");
  assert.equal(await rows.filter({ has: page.locator(":scope[tabindex='0']") }).count(), 1);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await untilText(page.getByTestId("detail-title"), "a-1");
  await untilText(fact(page, "capabilities"), "test");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "a-1");
  await page.keyboard.press("Escape");
  assert.equal(await page.getByTestId("panel").isVisible(), false);
  assert.equal(await focused(), "panel-toggle");
  await page.close();
});

test("a task leads to its agent, an agent to its tasks", async () => {
  const page = await openViewer("?panel=tasks");
  await row(page, "tasks", "many-59").click();
  await fact(page, "agent").getByRole("button", { name: "a-2" }).click();
  await page.getByTestId("detail-tasks").getByRole("option").first().waitFor(WAIT);
  await page.getByTestId("detail-tasks").locator('[data-key="t-open"]').click();
  await untilText(fact(page, "id"), "t-open");
  await page.getByTestId("back").click();
  assert.equal(await page.getByTestId("tasks-list").isVisible(), true);
  await page.close();
});

test("what agents say is text, never markup", async () => {
  const page = await openViewer("?panel=agents");
  await untilText(row(page, "agents", "a-2"), MARKUP);
  await row(page, "agents", "a-2").click();
  await untilText(page.getByTestId("detail-title"), MARKUP);
  await page.getByRole("tab", { name: "Events" }).click();
  await ask("POST", "/events", { topic: "made.up", data: { message: MARKUP, task_id: MARKUP } });
  await page.getByTestId("events-list").getByRole("option").filter({ hasText: "made.up" }).click();
  await untilText(page.getByTestId("detail"), "onerror");
  assert.equal(await page.getByTestId("panel").locator("img, b, script").count(), 0);
  assert.equal(await page.evaluate(() => window.isInjected), undefined);
  await page.close();
});

test("a click on a dot shows the agent behind it", async () => {
  const agent = await register("a-dot", { stream: "registered", name: "Dora" });
  const publisher = await publishDot("registered", "a-dot", agent.numeric_id);
  const page = await openViewer("?stream=registered");
  await clickDot(page);
  await untilText(fact(page, "id"), "a-dot");
  assert.equal(await page.getByTestId("detail-title").textContent(), "Dora");
  await untilText(fact(page, "position"), "5, 6, 7");
  await page.getByTestId("marker").waitFor(WAIT);
  const ring = await page.getByTestId("marker").boundingBox();
  const picture = await page.locator("#view").boundingBox();
  assert.ok(Math.abs(ring.x + ring.width / 2 - picture.width / 2) < 20, JSON.stringify(ring));
  await ask("POST", "/agents/a-dot/heartbeat", { status: "error" });
  await untilText(page.getByTestId("detail-side"), "error");

  // A click beside every dot leads back to the lists.
  await page.mouse.click(40, 200);
  await page.getByTestId("detail").waitFor({ state: "hidden", ...WAIT });
  await row(page, "agents", "a-dot").click();
  await page.getByTestId("marker").waitFor(WAIT);
  await page.close();
  await publisher.close();
});

test("a dot that is no registered agent says so, with what is known of it", async () => {
  const publisher = await publishDot("strangers", "someone", 77);
  const page = await openViewer("?stream=strangers");
  await clickDot(page);
  await untilText(page.getByTestId("detail-hint"), "No registered agent has the number 77");
  assert.equal(await fact(page, "number").textContent(), "77");
  await untilText(fact(page, "position"), "5, 6, 7");
  await untilText(fact(page, "state"), "idle");
  assert.equal(await fact(page, "name").textContent(), "dot-77");
  await page.close();
  await publisher.close();
});

test("a flood of events leaves a bounded list; held, it stands still", async () => {
  const page = await openViewer("?panel=events");
  await untilText(page.getByTestId("events-state"), "live");
  const first = page.getByTestId("events-list").getByRole("option").first();
  await first.waitFor(WAIT);
  await page.getByTestId("hold").click();
  const held = await first.getAttribute("data-key");
  const publish = (index) => ask("POST", "/events", { topic: "flood.wave", data: { index } });
  for (let index = 0; index < FLOOD; index += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, more) => publish(index + more)));
  }
  await untilText(page.getByTestId("events-state"), /held, \d{3,} more/);
  assert.equal(await first.getAttribute("data-key"), held);
  await page.getByTestId("hold").click();
  const { head } = await ask("GET", "/events?limit=1");
  await row(page, "events", String(head)).waitFor(WAIT);
  const rows = await page.getByTestId("events-list").getByRole("option").count();
  assert.equal(rows, EVENTS_SHOWN_MAX);
  await page.close();
});

test("closed, it asks for nothing", async () => {
  const page = await openViewer("?panel=events");
  await untilText(page.getByTestId("events-state"), "live");
  await page.getByTestId("panel-close").click();
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const drawn = await page.evaluate(() => window.agntViewer.drawnFrames);
  await createTask("t-unseen", "a-2");
  await page.waitForFunction((frames) => window.agntViewer.drawnFrames > frames + 20, drawn, WAIT);
  assert.deepEqual(asked, []);
  await page.getByTestId("panel-toggle").click();
  await untilText(page.getByTestId("events-list"), "t-unseen");
  await page.close();
});

test("without an agent API the panel says so, and the swarm flies on", async () => {
  const page = await browser.newPage(VIEW);
  await page.route("**/api/v1/**", (route) => route.fulfill({ status: 404, body: "no such path" }));
  await page.goto(`${server.url}/?panel=agents`);
  await untilText(page.getByTestId("trouble-title"), "No agent API here");
  await page.getByTestId("agents-list").waitFor({ state: "hidden", ...WAIT });
  assert.equal(await page.getByTestId("key").isVisible(), false);
  const drawn = await page.evaluate(() => window.agntViewer.drawnFrames);
  await page.waitForFunction((frames) => window.agntViewer.drawnFrames > frames, drawn, WAIT);
  await page.unroute("**/api/v1/**");
  await page.getByTestId("panel-close").click();
  await page.getByTestId("panel-toggle").click();
  await row(page, "agents", "a-1").waitFor(WAIT);
  await page.close();
});

test("an API that fails is told for as long as it does", async () => {
  const page = await openViewer("?panel=agents", { expected: /503/ });
  await row(page, "agents", "a-1").waitFor(WAIT);
  // An answer to the stream of events that came after the failure would hide it till the next reading.
  const isLive = () => document.querySelector("[data-testid=events-state]").textContent === "live";
  await page.waitForFunction(isLive, null, WAIT);
  const body = JSON.stringify({ error: { code: "SERVICE_UNAVAILABLE", message: "the store is being opened" } });
  await page.route("**/api/v1/**", (route) => route.fulfill({ status: 503, body }));
  await page.getByTestId("agents-status").selectOption("idle");
  await untilText(page.getByTestId("trouble-text"), "the store is being opened");
  const drawn = await page.evaluate(() => window.agntViewer.drawnFrames);
  await page.waitForFunction((frames) => window.agntViewer.drawnFrames > frames + 20, drawn, WAIT);
  assert.equal(await page.getByTestId("trouble").isVisible(), true);
  await page.unroute("**/api/v1/**");
  await page.getByTestId("agents-status").selectOption("");
  await page.getByTestId("trouble").waitFor({ state: "hidden", ...WAIT });
  await page.close();
});

test("where keys are wanted, one can be given in a field or in the address", async () => {
  const guarded = await serve();
  const own = server;
  server = guarded;
  try {
    await register("a-guarded");
    const program = ["key", "create", "--url", guarded.url, "--name", "panel", "--scopes", "read"];
    const key = /agnt_\S+/.exec(execFileSync(process.env.AGNT_BIN, program, { encoding: "utf8" }))[0];
    const page = await openViewer("?panel=agents", { expected: /401/, isLetIn: false });
    await untilText(page.getByTestId("trouble-title"), "wants an API key");
    await page.getByTestId("agents-list").waitFor({ state: "hidden", ...WAIT });
    await page.getByTestId("key").fill(key.slice(0, -1));
    await page.keyboard.press("Enter");
    await untilText(page.getByTestId("trouble-title"), "wants an API key");
    await page.getByTestId("key").fill(key);
    await page.keyboard.press("Enter");
    await row(page, "agents", "a-guarded").waitFor(WAIT);
    assert.equal(await page.getByTestId("trouble").isVisible(), false);
    await page.getByRole("tab", { name: "Events" }).click();
    await untilText(page.getByTestId("events-state"), "live");
    await page.close();
    const other = await openViewer(`?panel=agents#token=${key}`);
    await row(other, "agents", "a-guarded").waitFor(WAIT);
    assert.equal(await other.evaluate(() => location.href), `${guarded.url}/?panel=agents`);
    await other.close();
  } finally {
    server = own;
    await guarded.kill();
  }
});

test("it goes on when the server has come back", async () => {
  const page = await openViewer("?panel=events", { expected: /ERR_INTERNET_DISCONNECTED/ });
  await untilText(page.getByTestId("events-state"), "live");
  await page.context().setOffline(true);
  await page.evaluate(() => window.stop());
  await untilText(page.getByTestId("events-state"), "not connected");
  await page.context().setOffline(false);
  await createTask("t-away", "a-2");
  await untilText(page.getByTestId("events-list"), "t-away");
  await page.getByTestId("trouble").waitFor({ state: "hidden", ...WAIT });
  await page.close();
});

test("in a narrow window it leaves room for the swarm", async () => {
  const page = await openViewer("?panel=agents");
  await page.setViewportSize({ width: 390, height: 800 });
  await row(page, "agents", "a-1").waitFor(WAIT);
  const [panel, picture, toggle] = await Promise.all(
    ["#panel", "#view", "#panel-toggle"].map((part) => page.locator(part).boundingBox()),
  );
  assert.ok(picture.y + picture.height <= panel.y + 1, JSON.stringify({ panel, picture }));
  assert.ok(picture.height > 250 && panel.width === 390);
  assert.ok(toggle.x >= 0 && toggle.x + toggle.width <= 390);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
  await page.close();
});

test("the pages raised no error", () => {
  assert.deepEqual(complaints, []);
});
