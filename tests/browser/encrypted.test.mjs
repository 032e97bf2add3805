/**
 * @file The demo under TLS with a certificate of its own making, in a real browser: the page comes by HTTP/2, the swarm
 * over `wss:`, and a certificate that is not known is refused as ever.
 *
 * `AGNT_BIN` names the server program. Waiting has generous limits and no time is a result.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchChromium } from "./chromium.mjs";
import { startServer } from "./server.mjs";

const AGENTS = 300;
const WAIT = { timeout: 60_000 };

let server;
let browser;

before(async () => {
  server = await startServer(["demo", "--listen", "127.0.0.1:0", "--agents", String(AGENTS), "--tls-self-signed"]);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

test("the swarm is shown under TLS", async () => {
  assert.match(server.url, /^https:/);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const sockets = [];
  const complaints = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  page.on("pageerror", (fault) => complaints.push(String(fault)));
  await page.goto(server.url);
  await page.waitForFunction((agents) => window.agntViewer?.agents === agents, AGENTS, WAIT);
  const before = await page.evaluate(() => window.agntViewer.ticks);
  await page.waitForFunction((ticks) => window.agntViewer.ticks > ticks + 60, before, WAIT);
  assert.ok(sockets.length > 0 && sockets.every((url) => url.startsWith("wss:")), String(sockets));
  const protocols = await page.evaluate(() =>
    performance.getEntriesByType("resource").map((entry) => entry.nextHopProtocol),
  );
  assert.ok(protocols.includes("h2"), String(protocols));
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a browser that is told nothing refuses the certificate", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await assert.rejects(page.goto(server.url), /ERR_CERT_AUTHORITY_INVALID/);
  await context.close();
});
