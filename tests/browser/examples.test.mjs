/**
 * @file The examples that publish, run as they are: a viewer in a browser sees their agents move.
 *
 * `AGNT_BIN` names the server program, `AGNT_PYTHON` a Python that has `websockets`.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launchChromium } from "./chromium.mjs";
import { startServer } from "./server.mjs";

const WAIT = { timeout: 60_000 };
const AGENTS = 100;

let server;
let browser;

before(async () => {
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
});

const pathOf = (name) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

async function showsRing(program, args) {
  server = await startServer(["serve", "--listen", "127.0.0.1:0"]);
  const example = spawn(program, [...args, server.url.replace(/^http/, "ws")], { stdio: "inherit" });
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction((agents) => window.agntViewer?.agents === agents, AGENTS, WAIT);
    await page.waitForFunction(() => window.agntViewer.ticks > 60, null, WAIT);
    assert.equal(example.exitCode, null, "the example goes on");
    await page.close();
  } finally {
    if (example.exitCode === null) {
      example.kill("SIGTERM");
      await once(example, "exit");
    }
    await server.kill();
  }
}

test("publish.mjs", () => showsRing(process.execPath, [pathOf("publish.mjs")]));
test("publish.py", () => showsRing(process.env.AGNT_PYTHON ?? "python3", [pathOf("publish.py")]));
