/**
 * @file The table of encodings in docs/viewer.md: how small they are and how long Chromium takes to decode them.
 *
 * Usage: node tests/browser/decode_figures.mjs [AGENTS]; 10,000 where left out.
 */

import { launchChromium } from "./chromium.mjs";
import { compressed, decodeInPage, encodedTicks, packed, percentile } from "./encoded_ticks.mjs";
import { serveModules } from "./modules.mjs";

const TICKS = 60;
const ROUNDS = 5;
const NAMES = ["plain", "shuffle", "box", "predict", "fixed"];

const agents = Number(process.argv[2] ?? 10_000);
const rows = new Map();
for (const name of NAMES) {
  const ticks = encodedTicks(name, agents, TICKS);
  rows.set(name, { ticks, algorithm: "none" });
  rows.set(`${name} + zlib`, { ticks: ticks.map((tick) => compressed(tick)), algorithm: "zlib" });
}
const paths = new Map([...rows.keys()].map((name, index) => [name, `/ticks/${index}`]));
const server = await serveModules(new Map([...rows].map(([name, { ticks }]) => [paths.get(name), packed(ticks)])));
const browser = await launchChromium();
try {
  const plainBytes = rows.get("plain").ticks[1].bytes.length;
  console.log(`${agents} agents in smooth random motion, ${TICKS * ROUNDS} ticks; ${browser.version()}\n`);
  console.log("| encoding | bytes an agent | saved | decoding, ms: median | 90 % | 99 % | into the swarm, ms |");
  console.log("|---|---|---|---|---|---|---|");
  for (const [name, { ticks, algorithm }] of rows) {
    const page = await browser.newPage();
    await page.goto(server.url);
    const task = { path: paths.get(name), algorithm, rounds: ROUNDS };
    const { decodeMs, applyMs } = await page.evaluate(decodeInPage, task);
    await page.close();
    const bytes = ticks.slice(1).reduce((sum, tick) => sum + tick.bytes.length, 0) / TICKS;
    const times = [0.5, 0.9, 0.99].map((share) => percentile(decodeMs, share).toFixed(2));
    const saved = `${(100 * (1 - bytes / plainBytes)).toFixed(1)} %`;
    const cells = [name, (bytes / agents).toFixed(2), saved, ...times, percentile(applyMs, 0.5).toFixed(2)];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  await browser.close();
  server.close();
}
