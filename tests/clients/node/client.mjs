// Speaks all of document C's protocol with a server, as a stranger would.
//
//     AGNT_BIN=... node client.mjs [WORD...]
//
// One line for each thing shown; with words, only those whose promise has one. The exit code is 0
// only if all came true.

import { steps as agentSteps } from "./agent-steps.mjs";
import { steps as frameSteps } from "./frame-steps.mjs";
import { Server } from "./server.mjs";
import { Failed } from "./session.mjs";
import { steps as sessionSteps } from "./session-steps.mjs";

const words = process.argv.slice(2);
const wanted = [...sessionSteps, ...frameSteps, ...agentSteps].filter(
  ([promise]) => words.length === 0 || words.some((word) => promise.includes(word)),
);

const server = await Server.start(["--system-metrics-ms", "500", "--staleness-max-ms", "60000"]);
let failures = 0;
for (const [index, [promise, step]] of wanted.entries()) {
  const url = (path, query = {}) => server.url(path, { stream: `step-${index}`, ...query });
  try {
    const detail = await step(url);
    console.log(`ok     ${promise}${detail ? ` (${detail})` : ""}`);
  } catch (problem) {
    failures += 1;
    console.log(`FAILED ${promise}: ${problem instanceof Failed ? problem.message : problem.stack}`);
  }
}
await server.stop();
console.log(`${wanted.length - failures} passed, ${failures} failed`);
process.exit(wanted.length > 0 && failures === 0 ? 0 : 1);
