/**
 * @file The viewer's modules and some data on a server of their own, for pages that need no AGNT server.
 */

import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";

const VIEWER = new URL("../../viewer/", import.meta.url);
const TYPES = { ".mjs": "text/javascript", ".svg": "image/svg+xml" };
/** An isolated page has a clock of 5 microseconds instead of 100. */
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * @param {Map<string, Uint8Array>} data by path, such as `/ticks`
 * @returns {Promise<{url: string, close: () => void}>} `/` is an empty page
 */
export async function serveModules(data) {
  const server = createServer(async ({ url }, response) => {
    const answer = (status, type, body) => response.writeHead(status, { ...HEADERS, "Content-Type": type }).end(body);
    if (url === "/") return answer(200, "text/html", "<!doctype html><title>modules</title>");
    if (data.has(url)) return answer(200, "application/octet-stream", data.get(url));
    if (!/^\/[a-z-]+\.[a-z]+$/.test(url)) return answer(404, "text/plain", "");
    try {
      return answer(200, TYPES[extname(url)] ?? "text/plain", await readFile(new URL(url.slice(1), VIEWER)));
    } catch {
      return answer(404, "text/plain", "");
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
