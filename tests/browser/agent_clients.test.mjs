/**
 * @file The clients for documents A and B in a real browser against a real server: agents are asked and answer, and
 * events come without a hole though the connection is cut.
 *
 * `AGNT_BIN` names the server program. Waiting has generous limits and no time is a result.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchChromium } from "./chromium.mjs";
import { startServer } from "./server.mjs";

let server;
let browser;

/** Asks the server under test as document B says. */
async function ask(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${server.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

before(async () => {
  server = await startServer(["serve", "--listen", "127.0.0.1:0", "--rate-limit", "0"]);
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

for (const dialect of ["v1.js", "api_v1.js"]) {
  test(`${dialect}: agents are asked and answer, events are heard without a hole`, async () => {
    const agent = { id: "a-client", type: "tester", name: "a-client", capabilities: ["test"] };
    await ask("POST", "/agents/register", agent);
    const page = await browser.newPage();
    await page.goto(`${server.url}/icon.svg`);
    const seen = await page.evaluate(async (dialect) => {
      const { V1Client, ApiV1Client } = await import(`/${dialect}`);
      const sockets = [];
      class WebSocketClass extends WebSocket {
        constructor(...parts) {
          super(...parts);
          sockets.push(this);
        }
      }
      const Class = V1Client ?? ApiV1Client;
      const options = { WebSocketClass, random: () => 0 };
      const agent = new Class(location.origin, { ...options, agentId: "a-client" });
      agent.on("command", ({ id, payload }) => agent.answer(id, { result: { twice: 2 * payload.payload.n } }));
      agent.on("request", ({ id, data }) => agent.respond(id, { data: { twice: 2 * data.n } }));
      const client = new Class(location.origin, options);
      const heard = [];
      const faults = [];
      for (const one of [agent, client]) {
        one.on("error", (fault) => faults.push(fault.message));
        one.on("fault", (fault) => faults.push(fault.message));
      }
      for (const kind of ["event", "publication"]) {
        client.on(kind, ({ topic, event_type: type, sequence }) => heard.push([topic ?? type, sequence]));
      }
      const until = async (condition) => {
        for (let rest = 6000; !condition(); rest -= 1) {
          if (rest === 0) throw new Error(`waited in vain: ${condition}; ${heard.length} heard, ${client.state}`);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      const put = (index) => ({
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ topic: `hole.${index}`, data: { index } }),
      });
      agent.connect();
      client.connect();
      client.subscribe(["hole.*", "publication.hole.*"]);
      await until(() => agent.state === "connected" && client.state === "connected");
      const tell = (...told) => (client.command ? client.command(...told) : client.request(...told));
      const answers = [await tell("a-client", "execute", { n: 4 }), await tell("a-client", "execute", { n: 5 })];
      const sequences = [await client.publish("hole.first", {}), await client.publish("hole.second", {})];
      await until(() => heard.length === 2);
      await client.publish("hole.third", {});
      for (let round = 0; round < 3; round += 1) {
        const before = sockets.length;
        sockets.at(-1).close();
        for (let index = 0; index < 20; index += 1) await fetch("/api/v1/events", put(index));
        await until(() => sockets.length > before && client.state === "connected");
        // By the client's own socket, which keeps the order of this and of what the client asks for after a return.
        await client.publish("hole.last", {});
        await until(() => heard.length >= 3 + 21 * (round + 1));
      }
      const refused = await tell("nobody", "execute").catch(({ code }) => code);
      client.close();
      agent.close();
      return { answers, sequences, heard: heard.map(([, sequence]) => sequence), faults, refused };
    }, dialect);
    assert.deepEqual(seen.answers, [{ twice: 8 }, { twice: 10 }]);
    assert.deepEqual(seen.faults, []);
    assert.equal(seen.refused, "NOT_FOUND");
    const { events } = await ask("GET", `/events?after=${seen.sequences[0] - 1}&limit=1000`);
    const published = events.map((event) => event.publication).filter((publication) => publication !== undefined);
    assert.deepEqual(seen.heard, published.map(({ sequence }) => sequence));
    assert.equal(published.length, 3 + 3 * 21);
    await page.close();
  });
}
