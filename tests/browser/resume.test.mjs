/**
 * @file A client that loses its connection among events, in a real browser against a real server: none is missing,
 * none comes twice.
 *
 * `AGNT_BIN` names the server program.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchChromium } from "./chromium.mjs";
import { startServer } from "./server.mjs";

let server;
let browser;

before(async () => {
  server = await startServer(["serve", "--listen", "127.0.0.1:0"]);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

/** One client tells events, another hears them and loses its connection now and then. */
async function hearEvents({ events, losses }) {
  const { AgntClient } = await import("/agnt-client.mjs");
  const options = { stream: "events", capabilities: ["binary", "json"] };
  const teller = new AgntClient(location.origin, { ...options, role: "both" });
  const hearer = new AgntClient(location.origin, { ...options, resume: true, random: () => 0.1 });
  const heard = [];
  const told = { gaps: [], errors: [] };
  hearer.on("gap", (gap) => told.gaps.push(gap));
  const everything = new Promise((resolve) => {
    for (const client of [teller, hearer]) {
      client.on("error", (error) => {
        told.errors.push(error);
        resolve();
      });
    }
    hearer.on("event", ({ type, sequence, payload }) => {
      if (type !== "message.sent") return;
      heard.push({ sequence, messageId: payload.messageId });
      if (heard.length >= events) resolve();
    });
  });
  const connected = (client) =>
    new Promise((resolve) => client.on("state", ({ state }) => state === "connected" && resolve()));
  const both = Promise.all([connected(teller), connected(hearer)]);
  teller.connect();
  hearer.connect();
  await both;
  for (let event = 0; event < events; event += 1) {
    const payload = {
      messageId: `m${event}`,
      from: { id: "a" },
      to: [{ id: "b" }],
      messageType: "REQUEST",
      content: {},
    };
    teller.send({ type: "message.sent", id: `e${event}`, timestamp: new Date().toISOString(), payload });
    if (event % Math.ceil(events / losses) === 1) hearer.abandon("the test pulled the plug");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await everything;
  teller.close();
  hearer.close();
  return { heard, ...told };
}

test("events go on where a connection ended", { timeout: 120_000 }, async () => {
  const page = await browser.newPage();
  await page.goto(`${server.url}/icon.svg`);
  const { heard, gaps, errors } = await page.evaluate(hearEvents, { events: 600, losses: 8 });
  assert.deepEqual(errors, []);
  assert.deepEqual(gaps, []);
  assert.deepEqual(heard.map(({ messageId }) => messageId), Array.from({ length: 600 }, (_, event) => `m${event}`));
  heard.reduce((last, { sequence }) => {
    assert.ok(sequence > last, `${sequence} behind ${last}`);
    return sequence;
  }, 0);
});
