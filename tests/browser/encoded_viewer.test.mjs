/**
 * @file The viewer in encodings, in a real browser against a real server: its picture, its figures, and every record
 * beside those of a viewer that gets plain frames.
 *
 * `AGNT_BIN` names the server program. Waiting has generous limits and no time is a result.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchChromium } from "./chromium.mjs";
import { readPixels } from "./pixels.mjs";
import { startServer } from "./server.mjs";

const AGENTS = 2000;
const TICKS = 60;
const WAIT = { timeout: 60_000 };
/** The picture without the corners that hold figures. */
const SWARM = { x: 0, y: 60, width: 1280, height: 560 };
const COLOURED_PIXELS_MIN = 2000;
const FIXED = { codec: "fixed", positionError: 1 / 1024, velocityError: 1 / 256 };

let server;
let browser;
const complaints = [];

before(async () => {
  server = await startServer(["demo", "--listen", "127.0.0.1:0", "--agents", String(AGENTS), "--hz", "60"]);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

for (const [query, encoding, shareMax] of [
  ["encoding=fixed", "fixed", 0.25],
  ["encoding=predict&compression=zlib", "predict + zlib", 0.65],
  ["encoding=fixed&compression=zlib", "fixed + zlib", 0.25],
  ["compression=zlib", "zlib", 1],
]) {
  test(`the page shows the swarm with ${query}`, async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    page.on("pageerror", (fault) => complaints.push(String(fault)));
    await page.goto(`${server.url}/?${query}`);
    await page.waitForFunction((agents) => window.agntViewer?.agents === agents, AGENTS, WAIT);
    await page.waitForFunction((ticks) => window.agntViewer.ticksDecoded > ticks, TICKS, WAIT);
    await page.waitForFunction(() => window.agntViewer.uploadsDecoded > 5, null, WAIT);
    // Of a run of ticks, since names and the first state come once; one that this machine was too slow for isn't judged.
    await page.waitForFunction(
      ([most, ticks]) => {
        const { bytesReceived, plainBytes, ticksDecoded } = window.agntViewer;
        const since = window.measuredSince;
        if (since !== undefined && ticksDecoded < since.ticksDecoded + ticks) return false;
        window.measuredSince = { bytesReceived, plainBytes, ticksDecoded };
        if (since === undefined) return false;
        return bytesReceived - since.bytesReceived < most * (plainBytes - since.plainBytes);
      },
      [shareMax, TICKS],
      WAIT,
    );
    const counts = await page.evaluate(() => ({ ...window.agntViewer }));
    assert.equal(counts.encoding, encoding);
    assert.equal(counts.ticksUnparsed, 0);
    assert.equal(counts.ticksIncomplete, 0);
    assert.ok(counts.ticksDecoded > 4 * counts.ticksBySlot, `${counts.ticksBySlot} ticks by slot`);
    const drawn = counts.drawnFrames + 3;
    await page.waitForFunction((least) => window.agntViewer.drawnFrames >= least, drawn, WAIT);
    const { coloured } = await readPixels(page, await page.screenshot({ clip: SWARM, timeout: WAIT.timeout }));
    assert.ok(coloured > COLOURED_PIXELS_MIN, `${coloured} coloured pixels`);
    await page.waitForFunction(
      (text) => document.querySelector("[data-testid=encoding]").textContent === text,
      encoding,
      WAIT,
    );
    assert.equal(await page.getByTestId("encoding-choice").inputValue(), query);
    assert.equal(await page.getByTestId("plain").isVisible(), true);
    await page.close();
  });
}

test("the choice in the header opens the page in another encoding", async () => {
  const page = await browser.newPage();
  await page.goto(`${server.url}/?stream=main`);
  await page.waitForFunction((agents) => window.agntViewer?.agents === agents, AGENTS, WAIT);
  assert.equal(await page.getByTestId("encoded").isVisible(), false);
  await page.getByTestId("encoding-choice").selectOption("encoding=predict");
  await page.waitForURL(/encoding=predict/, WAIT);
  await page.waitForFunction(() => window.agntViewer?.encoding === "predict", null, WAIT);
  await page.close();
});

/** Two viewers of one stream: how far each record of the second is from the first's of the same tick. */
async function compareWithPlain({ options, ticks }) {
  const { AgntClient } = await import("/agnt-client.mjs");
  const capabilities = ["binary", "tick-info"];
  const wishes = [{ capabilities }, { capabilities, ...options }];
  const clients = wishes.map((wish) => new AgntClient(location.origin, wish));
  const heard = clients.map(() => new Map());
  const faults = [];
  const compared = { ticks: 0, records: 0, missing: 0, positionError: 0, velocityError: 0, bitsDiffer: 0 };
  await new Promise((resolve) => {
    clients.forEach((client, index) => {
      client.on("fault", (fault) => faults.push(fault.message));
      client.on("tick", ({ frames, keyframe, info }) => {
        if (keyframe || info === null) return;
        const records = new Map();
        for (const { count, words, floats } of frames) {
          for (let at = 0; at < 7 * count; at += 7) {
            records.set(words[at], { bits: words.slice(at + 1, at + 7), values: floats.slice(at + 1, at + 7) });
          }
        }
        heard[index].set(info.tick, records);
        const other = heard[1 - index].get(info.tick);
        if (other === undefined) return;
        heard.forEach((map) => map.delete(info.tick));
        const [plain, encoded] = index === 0 ? [records, other] : [other, records];
        compared.ticks += 1;
        for (const [id, { bits, values }] of plain) {
          const found = encoded.get(id);
          compared.records += 1;
          if (found === undefined) {
            compared.missing += 1;
            continue;
          }
          values.forEach((value, axis) => {
            const key = axis < 3 ? "positionError" : "velocityError";
            compared[key] = Math.max(compared[key], Math.abs(value - found.values[axis]));
            if (bits[axis] !== found.bits[axis]) compared.bitsDiffer += 1;
          });
        }
        if (compared.ticks >= ticks) resolve();
      });
      client.connect();
    });
  });
  const { encoding } = clients[1];
  clients.forEach((client) => client.close());
  return { ...compared, encoding, faults };
}

for (const [name, options] of [
  ["predict", { encodings: ["predict"] }],
  ["predict in zlib", { encodings: ["predict"], compression: { algorithms: ["zlib"] } }],
  ["shuffle in gzip", { encodings: ["shuffle"], compression: { algorithms: ["gzip"] } }],
  ["plain in deflate", { compression: { algorithms: ["deflate"] } }],
  ["fixed", { encodings: [FIXED] }],
  ["box", { encodings: ["box"] }],
]) {
  test(`${name}: each record is that of plain frames, or within the bound`, async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/icon.svg`);
    const compared = await page.evaluate(compareWithPlain, { options, ticks: TICKS });
    await page.close();
    assert.deepEqual(compared.faults, []);
    assert.equal(compared.missing, 0);
    assert.equal(compared.records, compared.ticks * AGENTS);
    const codec = options.encodings?.[0]?.codec ?? options.encodings?.[0] ?? "none";
    assert.equal(compared.encoding.codec, codec);
    assert.equal(compared.encoding.algorithm, options.compression?.algorithms[0] ?? "none");
    if (codec === "fixed") {
      assert.ok(compared.positionError <= FIXED.positionError, `${compared.positionError}`);
      assert.ok(compared.velocityError <= FIXED.velocityError, `${compared.velocityError}`);
    } else if (codec !== "box") assert.equal(compared.bitsDiffer, 0);
  });
}

test("the pages raised no error", () => {
  assert.deepEqual(complaints, []);
});
