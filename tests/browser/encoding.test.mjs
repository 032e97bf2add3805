/**
 * @file Encodings in a real browser: every bit of what comes out, and how long the best of them takes for 10,000
 * agents. Times are printed and are no result.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";

import { launchChromium } from "./chromium.mjs";
import { compressed, decodeInPage, encodedTicks, packed, percentile } from "./encoded_ticks.mjs";
import { serveModules } from "./modules.mjs";

const AGENTS = 10_000;
const AGENTS_FEWER = 3000;

const swarms = new Map();
let server;
let browser;
let page;

before(async () => {
  swarms.set("fixed", encodedTicks("fixed", AGENTS, 60));
  for (const codec of ["plain", "shuffle", "predict", "box"]) swarms.set(codec, encodedTicks(codec, AGENTS_FEWER, 6));
  const data = new Map();
  for (const [name, ticks] of swarms) {
    data.set(`/ticks/${name}`, packed(ticks));
    if (name !== "plain" && name !== "fixed") continue;
    const few = ticks.slice(0, 7);
    data.set(`/ticks/${name}/zlib`, packed(few.map((tick) => compressed(tick, deflateSync))));
    data.set(`/ticks/${name}/gzip`, packed(few.map((tick) => compressed(tick, gzipSync))));
  }
  const trailing = (bytes) => Buffer.concat([deflateSync(bytes), Buffer.alloc(9)]);
  data.set("/ticks/trailing", packed([compressed(swarms.get("plain")[0], trailing)]));
  server = await serveModules(data);
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(server.url);
});

after(async () => {
  await browser?.close();
  server?.close();
});

const decode = (task) => page.evaluate(decodeInPage, { algorithm: "none", rounds: 1, ...task });
const hashesOf = (name) => swarms.get(name).map(({ hash }) => hash);

test("fixed: 10,000 agents in motion", async (t) => {
  const { hashes, decodeMs, applyMs } = await decode({ path: "/ticks/fixed", rounds: 5 });
  assert.deepEqual(hashes, hashesOf("fixed"));
  const ticks = swarms.get("fixed").slice(1);
  const bytes = ticks.reduce((sum, tick) => sum + tick.bytes.length, 0) / ticks.length;
  const told = (values) => [0.5, 0.9, 0.99].map((share) => percentile(values, share).toFixed(2)).join(" / ");
  t.diagnostic(`${decodeMs.length} ticks of ${AGENTS} agents, ${(bytes / AGENTS).toFixed(2)} bytes an agent`);
  t.diagnostic(`decoding, median / 90 % / 99 %: ${told(decodeMs)} ms`);
  t.diagnostic(`and into the swarm: ${told(applyMs)} ms`);
});

for (const codec of ["plain", "shuffle", "predict", "box"]) {
  test(`${codec}: all bits`, async () => {
    const { hashes } = await decode({ path: `/ticks/${codec}` });
    assert.deepEqual(hashes, hashesOf(codec));
  });
}

for (const algorithm of ["zlib", "gzip"]) {
  for (const codec of ["plain", "fixed"]) {
    test(`${codec} in ${algorithm} batches, by the browser's own DecompressionStream`, async () => {
      const { hashes } = await decode({ path: `/ticks/${codec}/${algorithm}`, algorithm });
      assert.deepEqual(hashes, hashesOf(codec).slice(0, 7));
    });
  }
}

test("a batch with something behind its end, or of another algorithm, is refused", async () => {
  await assert.rejects(decode({ path: "/ticks/trailing", algorithm: "zlib" }), /NotInflated/);
  await assert.rejects(decode({ path: "/ticks/plain/gzip", algorithm: "zlib" }), /NotInflated/);
  await assert.rejects(decode({ path: "/ticks/plain/zlib", algorithm: "none" }), /NotInflated/);
});
