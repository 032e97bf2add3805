/**
 * @file A headless Chromium with software WebGL, for the tests and for the picture in the documents.
 */

import { chromium } from "playwright-core";

/** Where Debian's package `chromium` puts it; `AGNT_CHROMIUM` names another one. */
const EXECUTABLE = process.env.AGNT_CHROMIUM ?? "/usr/bin/chromium";

/** @returns {Promise<import("playwright-core").Browser>} */
export function launchChromium() {
  return chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    timeout: 120_000,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--use-gl=angle",
      "--use-angle=swiftshader",
      "--enable-unsafe-swiftshader",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
