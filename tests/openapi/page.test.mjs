/**
 * @file The page of the agent API in a real browser: it shows all of both documents, asks nobody but
 * its own host, takes no text for markup, and sends what its form says.
 *
 * The server here is a small one of the test's own, so that it knows what it was asked.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { launchChromium } from "../browser/chromium.mjs";

const ROOT = new URL("../../", import.meta.url);
const KINDS = { css: "text/css", html: "text/html", json: "application/json", mjs: "text/javascript", svg: "image/svg+xml" };
const POLICY = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'";
const METHODS = ["get", "post", "put", "patch", "delete"];
const TRAP = "<img src=x onerror=\"document.title='trapped'\">";
const WAIT_MS_MAX = 60_000;

let browser;
let server;
let url;
/** What was asked of the API, newest last. */
let asked = [];
/** What documents are made into before they are served. */
let change = (document) => document;

const document = async (name) => JSON.parse(await readFile(new URL(`docs/openapi/${name}.json`, ROOT)));

function fileOf(path) {
  if (path === "/docs") {
    return "viewer/docs/index.html";
  }
  return path.startsWith("/docs/") || path === "/icon.svg" ? `viewer${path}` : null;
}

async function answer(request, response) {
  const path = new URL(request.url, url).pathname;
  const file = fileOf(path);
  const send = (status, kind, body) => {
    response.writeHead(status, { "content-type": kind, "content-security-policy": POLICY });
    response.end(body);
  };
  if (path.startsWith("/openapi/")) {
    const found = await document(path.slice("/openapi/".length, -".json".length));
    return send(200, KINDS.json, JSON.stringify(change(found)));
  }
  if (file) {
    return send(200, KINDS[file.split(".").pop()], await readFile(new URL(file, ROOT)));
  }
  let body = "";
  for await (const chunk of request) {
    body += chunk;
  }
  asked.push({ method: request.method, url: request.url, key: request.headers["x-api-key"], body });
  return send(201, KINDS.json, JSON.stringify({ task_id: "made" }));
}

before(async () => {
  server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${server.address().port}`;
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  server.close();
});

/** A page at that place, with all that went wrong in it and all that it asked for. */
async function open(place = "") {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(WAIT_MS_MAX);
  const seen = { errors: [], urls: [] };
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => seen.urls.push(request.url()));
  await page.goto(`${url}/docs${place}`);
  await page.waitForSelector(".operation");
  return { page, seen };
}

const operations = (found) =>
  Object.values(found.paths).flatMap((path) => METHODS.map((method) => path[method]).filter(Boolean));

for (const name of ["v1", "api-v1"]) {
  test(`every operation of ${name}.json is there, and opens`, async () => {
    const { page, seen } = await open(`#${name}`);
    const wanted = operations(await document(name));
    const ids = await page.$$eval(".operation", (all) => all.map((one) => one.id));
    assert.deepEqual(new Set(ids), new Set(wanted.map((one) => one.operationId)));
    await page.$$eval(".operation", (all) => all.forEach((one) => { one.open = true; }));
    for (const operation of wanted) {
      const shown = page.getByTestId(`operation-${operation.operationId}`);
      await shown.getByText("Answers", { exact: true }).waitFor();
      const text = await shown.textContent();
      for (const status of Object.keys(operation.responses)) {
        assert(text.includes(status), `${operation.operationId} lacks ${status}`);
      }
      for (const parameter of operation.parameters ?? []) {
        assert(text.includes(parameter.name), `${operation.operationId} lacks ${parameter.name}`);
      }
    }
    // What is folded in opens without an error, however deep.
    const folded = page.locator("details:not([open])");
    for (let round = 0; round < 200 && (await folded.count()) > 0; round += 1) {
      await folded.evaluateAll((all) => all.forEach((one) => { one.open = true; }));
      await page.waitForTimeout(50);
    }
    assert.equal(await folded.count(), 0);
    assert.deepEqual(seen.errors, []);
    assert(seen.urls.every((one) => one.startsWith(url)), `asked others: ${seen.urls}`);
    await page.close();
  });
}

test("the address names the document and the operation", async () => {
  const { page } = await open("#api-v1/createTask");
  assert(await page.getByTestId("operation-createTask").evaluate((one) => one.open));
  assert.equal(await page.getByTestId("dialect-api-v1").getAttribute("aria-current"), "true");
  await page.getByTestId("dialect-v1").click();
  await page.getByText("{agentId}").first().waitFor();
  await page.close();
});

test("the search leaves what has all its words", async () => {
  const { page } = await open();
  await page.getByTestId("search").fill("task cancel");
  assert.deepEqual(
    await page.$$eval(".operation:not([hidden])", (all) => all.map((one) => one.id)),
    ["cancelTask"],
  );
  await page.close();
});

test("the form sends what it says, and shows the answer", async () => {
  const { page } = await open("#v1/createTask");
  asked = [];
  await page.getByTestId("key").fill("agnt_secret");
  const shown = page.getByTestId("operation-createTask");
  await shown.getByText("Try it").click();
  await shown.getByTestId("parameter-Idempotency-Key").fill("once");
  await shown.getByTestId("body").fill('{"type":"analysis"}');
  await shown.getByTestId("send").click();
  await shown.getByTestId("status").waitFor();
  assert.match(await shown.getByTestId("answer").textContent(), /201.*"task_id": "made"/s);
  assert.deepEqual(asked, [
    { method: "POST", url: "/v1/tasks", key: "agnt_secret", body: '{"type":"analysis"}' },
  ]);
  const read = page.getByTestId("operation-listTasks");
  await page.goto(`${url}/docs#v1/listTasks`);
  await read.getByText("Try it").click();
  await read.getByTestId("parameter-status").selectOption("pending");
  await read.getByTestId("parameter-agent_id").fill("a&b");
  await read.getByTestId("send").click();
  await read.getByTestId("status").waitFor();
  assert.equal(asked.at(-1).url, "/v1/tasks?status=pending&agent_id=a%26b");
  await page.close();
});

test("no text of a document is taken for markup", async () => {
  change = (found) => {
    found.info.description += `\n\n${TRAP}`;
    found.paths["/tasks"].post.description = TRAP;
    found.components.schemas.TaskCreation.properties.type.description = TRAP;
    return found;
  };
  const { page, seen } = await open("#v1/createTask");
  change = (found) => found;
  await page.getByTestId("operation-createTask").getByText(TRAP).first().waitFor();
  assert.notEqual(await page.title(), "trapped");
  assert.equal(await page.locator("main img").count(), 0);
  assert.deepEqual(seen.errors, []);
  await page.close();
});
