/**
 * @file The server program under test: started, waited for, stopped.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What these tests read from the environment; the server would warn of names that it does not know. */
const OWN_NAMES = ["AGNT_BIN", "AGNT_CHROMIUM", "AGNT_PYTHON"];

/** Starts the program that `AGNT_BIN` names and waits for its ready line. */
export async function startServer(args) {
  const program = process.env.AGNT_BIN;
  if (program === undefined) throw new Error("AGNT_BIN must name the server program");
  const dataDir = await mkdtemp(join(tmpdir(), "agnt-browser-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_NAMES.includes(name)));
  const child = spawn(program, [...args, "--data-dir", dataDir], { env, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: line } = await Promise.race([lines.next(), exited.then(() => ({ value: undefined }))]);
  const url = /^listening on (https?:\/\/\S+)$/.exec(line ?? "")?.[1];
  if (url === undefined) throw new Error(`no ready line, but: ${line}`);
  return {
    url,
    port: Number(new URL(url).port),
    /** Ends it as an operator would; returns its exit code. */
    async stop() {
      child.kill("SIGTERM");
      const [code] = await exited;
      await rm(dataDir, { recursive: true, force: true });
      return code;
    },
    /** Ends it whatever it does. */
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
