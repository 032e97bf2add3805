/**
 * @file A client of the agent API in document A's words: `/v1/ws`.
 *
 * ```js
 * const client = new V1Client("http://127.0.0.1:8080");
 * client.on("event", ({ event_type, payload }) => console.log(event_type, payload));
 * client.connect();
 * client.subscribe(["task.>"]);
 * const result = await client.command("agent-1", "execute", { path: "src/" });
 * ```
 */

import { AgentSocket, AnswerError, uniqueId } from "./agent-socket.mjs";

/** Document A's `reconnect_policy`. */
export const RECONNECT_POLICY = Object.freeze({
  initialDelayMs: 1000,
  maxDelayMs: 30_000,
  backoffFactor: 2.0,
  maxAttempts: 10,
});

/**
 * How long to wait before the next attempt. Full jitter: uniform between 0 and the policy's delay, so that the
 * clients of a server that went do not come back in the same instant.
 *
 * @param {number} attempt failed attempts so far, from 0
 * @param {number} hintMs what the server asked for when it closed; waited in full, the jitter comes on top
 * @param {() => number} random uniform in [0, 1)
 * @returns {number} milliseconds
 */
export function reconnectDelayMs(attempt, hintMs = 0, random = Math.random) {
  const { initialDelayMs, maxDelayMs, backoffFactor } = RECONNECT_POLICY;
  return Math.round(hintMs + random() * Math.min(maxDelayMs, initialDelayMs * backoffFactor ** attempt));
}

/** The name of the subscription that the path opens by itself; this client asks for what it wants. */
const IMPLIED = "protocol";

export class V1Client extends AgentSocket {
  /**
   * Events beside those of `AgentSocket`: `command` (a command for the agent that this client acts as, or one that
   * it observes: `{type, id, payload: {command_type, agent_id, payload, ...}}`).
   *
   * @param {string} url of the server, or of its WebSocket; without a path `/v1/ws` is added
   * @param {import("./agent-socket.mjs").SocketOptions} options
   */
  constructor(url, options = {}) {
    super(url, { path: "/v1/ws", delayMs: reconnectDelayMs, attemptsMax: RECONNECT_POLICY.maxAttempts }, options);
  }

  /**
   * Tells an agent something and waits for its answer.
   *
   * @param {string} agentId
   * @param {string} commandType `execute`, `pause`, `resume`, `stop`, `configure`, `shutdown`
   * @param {object} payload
   * @param {{timeoutMs?: number}} options
   * @returns {Promise<any>} its result
   * @throws {AnswerError} where the server refuses, the agent fails or nothing comes in time
   */
  command(agentId, commandType, payload = {}, { timeoutMs } = {}) {
    const id = uniqueId();
    const body = { agent_id: agentId, command_type: commandType, payload };
    if (timeoutMs !== undefined) body.timeout_ms = timeoutMs;
    return this.ask(id, envelope("command", id, { payload: body }), timeoutMs);
  }

  /**
   * Answers a command, as the agent.
   *
   * @param {string} commandId
   * @param {{status?: "completed"|"failed", result?: any, error?: any}} answer
   * @returns {boolean} whether it was sent or will be
   */
  answer(commandId, { status = "completed", result, error } = {}) {
    const payload = { status, result, error };
    return this.post(envelope("response", uniqueId(), { correlation_id: commandId, payload }));
  }

  openingMessages() {
    return [{ type: "unsubscribe", subscription_id: IMPLIED }];
  }

  subscriptionMessage({ id, topics, filters, after }) {
    return { type: "subscribe", id, topics, filters, after };
  }

  unsubscriptionMessage(id) {
    return { type: "unsubscribe", subscription_id: id };
  }

  publicationMessage(id, topic, data) {
    return { type: "publish", id, topic, data };
  }

  read(message) {
    const { type, payload = {}, correlation_id: to } = message;
    if (type === "event") return { kind: "event", name: "event", detail: message, sequence: message.sequence };
    if (type === "command") return { kind: "event", name: "command", detail: message };
    if (type === "heartbeat") return { kind: "heartbeat" };
    if (type === "error") return { kind: "refusal", to, error: errorOf(payload) };
    if (type !== "response") return { kind: "unknown" };
    switch (payload.status) {
      case "subscribed":
        return { kind: "subscribed", id: payload.subscription_id, from: payload.from };
      case "gap":
        return { kind: "gap", gap: payload };
      case "accepted":
        return { kind: "accepted", to };
      case "published":
        return { kind: "answer", to, value: payload.sequence };
      case "completed":
        return { kind: "answer", to, value: payload.result ?? null };
      case "unsubscribed":
      case "answered":
        return { kind: "accepted", to };
      default:
        return { kind: "refusal", to, error: AnswerError.of(payload.status, payload.error) };
    }
  }
}

function envelope(type, id, rest) {
  return { type, id, timestamp: new Date().toISOString(), ...rest };
}

function errorOf({ error_code: code, message, ...details }) {
  return new AnswerError(code ?? "ERROR", message ?? `the answer is ${code}`, details);
}
