/**
 * @file Takes the picture of the README from a running server.
 *
 * Usage: node tests/browser/screenshot.mjs URL [FILE]; FILE is docs/viewer.png where left out.
 */

import { fileURLToPath } from "node:url";

import { launchChromium } from "./chromium.mjs";

const TRAILS_GROWN_TICKS = 240;

const [url, file = fileURLToPath(new URL("../../docs/viewer.png", import.meta.url))] = process.argv.slice(2);
if (url === undefined) {
  console.error("usage: node screenshot.mjs URL [FILE]");
  process.exit(2);
}
const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.on("console", (message) => console.error(message.text()));
  await page.goto(url);
  await page.waitForFunction((ticks) => window.agntViewer?.ticks > ticks, TRAILS_GROWN_TICKS);
  await page.screenshot({ path: file });
} finally {
  await browser.close();
}
