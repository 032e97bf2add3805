// The server that is tried: a process on a free port, ended by its id.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const program = process.env.AGNT_BIN;
if (!program) {
  console.error("AGNT_BIN names no server");
  process.exit(2);
}

// The server takes every variable of this prefix for a setting of its own.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AGNT_")));

export class Server {
  static async start(flags = [], address = "127.0.0.1:0") {
    const server = new Server();
    server.data = await mkdtemp(join(tmpdir(), "agnt-"));
    const where = ["--listen", address, "--data-dir", server.data];
    server.process = spawn(program, ["serve", ...where, "--log", "error", ...flags], {
      env: environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    server.ended = once(server.process, "exit");
    const line = await Promise.race([
      once(createInterface(server.process.stdout), "line"),
      server.ended.then(([code]) => {
        throw new Error(`the server ended with ${code} before it listened`);
      }),
    ]);
    server.address = line[0].replace("listening on http://", "");
    return server;
  }

  url(path = "/api/visualisation/agents/ws", query = {}) {
    return `ws://${this.address}${path}?${new URLSearchParams(query)}`;
  }

  terminate() {
    this.process.kill("SIGTERM");
  }

  async stop() {
    this.terminate();
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 15_000);
    await this.ended;
    clearTimeout(timer);
    await rm(this.data, { recursive: true, force: true });
  }
}
