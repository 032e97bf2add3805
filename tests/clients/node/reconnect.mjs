// Reconnecting with exponential back-off and full jitter, as document C's best practices ask.

import { Session, pause } from "./session.mjs";

const FIRST_MS = 100;
const LONGEST_MS = 2000;
const TRIES_MAX = 20;

/** The session, and the pauses that it took: each drawn from 0 to a bound that doubles. */
export async function reconnect(url, capabilities, fields) {
  const pausesMs = [];
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    try {
      return { session: await Session.open(url, capabilities, fields), pausesMs };
    } catch (problem) {
      if (problem.code !== "ECONNREFUSED") throw problem;
      pausesMs.push(Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
      await pause(pausesMs.at(-1));
    }
  }
  throw new Error(`no server after ${TRIES_MAX} tries`);
}
