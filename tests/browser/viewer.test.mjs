/**
 * @file The viewer in a real browser against a real server: what its figures say and what its pixels show.
 *
 * `AGNT_BIN` names the server program. Waiting has generous limits and no time is a result.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchChromium } from "./chromium.mjs";
import { differentPixels, readPixels } from "./pixels.mjs";
import { startServer } from "./server.mjs";

const AGENTS = 2000;
const WAIT = { timeout: 60_000 };
/** The picture without the corners that hold figures. */
const SWARM = { x: 0, y: 60, width: 1280, height: 560 };
const COLOURED_PIXELS_MIN = 2000;

let server;
let browser;
let page;
const complaints = [];

const demo = (port) =>
  startServer(["demo", "--listen", `127.0.0.1:${port}`, "--agents", String(AGENTS), "--hz", "60"]);

const textOf = (name) => page.getByTestId(name).textContent();
/** Until the picture is newer than what has come so far: ticks that waited together are drawn in one frame. */
const untilDrawn = () =>
  page.evaluate(() => window.agntViewer.drawnFrames).then((frames) =>
    page.waitForFunction((least) => window.agntViewer.drawnFrames >= least, frames + 3, WAIT),
  );
const picture = async () => readPixels(page, await page.screenshot({ clip: SWARM, timeout: WAIT.timeout }));
/** A picture of the swarm, which after a stall is pale at first; what stays blank fails. */
const shot = async () => {
  const endAtMs = Date.now() + WAIT.timeout;
  for (;;) {
    await untilDrawn();
    const taken = await picture();
    if (taken.coloured > COLOURED_PIXELS_MIN) return taken;
    assert.ok(Date.now() < endAtMs, `${taken.coloured} coloured pixels`);
  }
};
const untilTicks = (more) =>
  page.evaluate(() => window.agntViewer.ticks).then((ticks) =>
    page.waitForFunction((least) => window.agntViewer.ticks >= least, ticks + more, WAIT),
  );

before(async () => {
  server = await demo(0);
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.on("pageerror", (fault) => complaints.push(String(fault)));
  page.on("console", (message) => {
    // A refused connection is logged by the browser itself while the server is away.
    const expected = /ERR_CONNECTION_REFUSED|GL Driver Message|WebSocket connection to/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !expected) complaints.push(message.text());
  });
  await page.goto(server.url);
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

test("the figures tell a connected swarm of 2000 agents", async () => {
  await page.waitForFunction((agents) => window.agntViewer?.agents === agents, AGENTS, WAIT);
  await untilTicks(60);
  const connection = page.getByTestId("connection");
  assert.equal(await connection.getAttribute("data-state"), "connected");
  await page.waitForFunction(
    () => document.querySelector("[data-testid=agents]").textContent === "2,000",
    null,
    WAIT,
  );
  for (const name of ["fps", "ticks", "rate"]) {
    await page.waitForFunction(
      (figure) => Number(document.querySelector(`[data-testid=${figure}]`).textContent.replace(",", "")) > 0,
      name,
      WAIT,
    );
  }
  assert.match(await textOf("age"), /^(<1|\d+) m?s$/);
  assert.equal(await page.getByTestId("notice").isVisible(), false);
});

test("the picture shows agents, and they move", async () => {
  const one = await shot();
  await untilTicks(30);
  const other = await shot();
  const moved = differentPixels(one, other);
  assert.ok(moved > COLOURED_PIXELS_MIN / 2, `${moved} pixels changed`);
});

test("ticks go to the GPU as they arrived", async () => {
  await page.waitForFunction(() => window.agntViewer.uploadsUnparsed > 20, null, WAIT);
  const before = await page.evaluate(() => ({ ...window.agntViewer }));
  await untilTicks(100);
  await page.waitForFunction((uploads) => window.agntViewer.uploadsUnparsed > uploads, before.uploadsUnparsed, WAIT);
  const now = await page.evaluate(() => ({ ...window.agntViewer }));
  const unparsed = now.ticksUnparsed - before.ticksUnparsed;
  const bySlot = now.ticksBySlot - before.ticksBySlot;
  assert.ok(unparsed > 4 * bySlot, `${unparsed} ticks unparsed, ${bySlot} by slot`);
  assert.equal(now.ticksIncomplete, 0);
  assert.equal(now.agents, AGENTS);
});

test("the camera turns, zooms and comes back", async () => {
  const canvas = page.locator("#view");
  await canvas.hover({ position: { x: 600, y: 300 } });
  await page.mouse.down();
  await page.mouse.move(700, 340, { steps: 3 });
  await page.mouse.up();
  await page.mouse.wheel(0, -200);
  await untilTicks(30);
  await shot();
  await canvas.dblclick({ position: { x: 600, y: 300 } });
  await untilTicks(30);
  await shot();
  // A dot may have lain under it, whose panel would ask a server that is away later.
  const close = page.getByTestId("panel-close");
  if (await close.isVisible()) await close.click();
});

test("a lost graphics context comes back", async () => {
  await page.evaluate(async () => {
    const canvas = document.getElementById("view");
    const extension = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
    const restored = new Promise((resolve) => canvas.addEventListener("webglcontextrestored", resolve));
    canvas.addEventListener("webglcontextlost", () => setTimeout(() => extension.restoreContext()));
    extension.loseContext();
    await restored;
  });
  await shot();
});

test("a server that goes is told, and one that comes back is found", async () => {
  const { port } = server;
  assert.equal(await server.stop(), 0);
  await page.getByTestId("notice").waitFor({ state: "visible", ...WAIT });
  assert.match(await textOf("notice-title"), /server is away/);
  const state = await page.getByTestId("connection").getAttribute("data-state");
  assert.ok(["waiting", "connecting"].includes(state), state);
  const shown = await page.evaluate(() => window.agntViewer.agents);
  assert.equal(shown, AGENTS, "the last picture stays");

  server = await demo(port);
  await page.waitForFunction(() => window.agntViewer.connectionState === "connected", null, WAIT);
  await page.waitForFunction((agents) => window.agntViewer.agents === agents, AGENTS, WAIT);
  await page.getByTestId("notice").waitFor({ state: "hidden", ...WAIT });
  await untilTicks(30);
  await shot();
});

test("an empty stream says so", async () => {
  await page.goto(`${server.url}/?stream=nobody-here`);
  await page.getByTestId("notice-text").filter({ hasText: "nobody-here" }).waitFor(WAIT);
  assert.equal(await page.getByTestId("connection").getAttribute("data-state"), "connected");
});

test("what can't be a stream's name is told, not waited for", async () => {
  const wrong = await browser.newPage();
  await wrong.goto(`${server.url}/?stream=north%20sea`);
  await wrong.getByTestId("notice").waitFor({ state: "visible", ...WAIT });
  const said = await wrong.getByTestId("notice-text").textContent();
  assert.match(said, /stream: 'north sea' is not a name; allowed are 1 to 128 characters/);
  assert.equal(await wrong.getByTestId("connection-text").textContent(), "not started");
  await wrong.close();
});

test("the modules work in a page of one's own", async () => {
  // A page without the viewer; the server's own file is only the origin from which modules may come.
  const own = await browser.newPage();
  await own.goto(`${server.url}/icon.svg`);
  const seen = await own.evaluate(async () => {
    const { AgntClient } = await import("/agnt-client.mjs");
    const client = new AgntClient(location.origin, { stream: "main" });
    const ticks = [];
    const done = new Promise((resolve) => {
      client.on("tick", (tick) => {
        ticks.push({ first: tick.first, records: tick.frames.reduce((sum, { count }) => sum + count, 0) });
        if (ticks.length === 5) resolve();
      });
    });
    client.connect();
    await done;
    const offsets = new Set();
    client.on("tick", ({ frames }) => frames.forEach(({ floats }) => offsets.add(floats.byteOffset)));
    await new Promise((resolve) => client.on("tick", resolve));
    client.close();
    return { ticks, offsets: [...offsets], state: client.state };
  });
  assert.equal(seen.ticks[0].first, true);
  assert.ok(seen.ticks.every(({ records }) => records === AGENTS), JSON.stringify(seen.ticks));
  assert.deepEqual(seen.offsets, [12]);
  assert.equal(seen.state, "disconnected");
});

test("the page raised no error", () => {
  assert.deepEqual(complaints, []);
});
