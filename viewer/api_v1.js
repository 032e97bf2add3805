/**
 * @file A client of the agent API in document B's words: `/api/v1/ws`.
 *
 * ```js
 * const client = new ApiV1Client("http://127.0.0.1:8080", { agentId: "code-gen-001" });
 * client.on("request", ({ id, data }) => client.respond(id, { data: { done: data } }));
 * client.on("event", ({ event_type, payload }) => console.log(event_type, payload));
 * client.connect();
 * client.subscribe(["task.*.completed", "system.>"], { filters: { priority: ["high"] } });
 * ```
 *
 * It reconnects by document A's numbers, for document B names none.
 */

import { AgentSocket, AnswerError, uniqueId } from "./agent-socket.mjs";
import { RECONNECT_POLICY, reconnectDelayMs } from "./v1.js";

export class ApiV1Client extends AgentSocket {
  /**
   * Events beside those of `AgentSocket`: `request` (one for the agent that this client acts as:
   * `{id, type, source, data, timeout}`), `publication` (`{topic, data, sequence, ...}`).
   *
   * @param {string} url of the server, or of its WebSocket; without a path `/api/v1/ws` is added
   * @param {import("./agent-socket.mjs").SocketOptions} options
   */
  constructor(url, options = {}) {
    super(url, { path: "/api/v1/ws", delayMs: reconnectDelayMs, attemptsMax: RECONNECT_POLICY.maxAttempts }, options);
  }

  /**
   * Asks an agent and waits for its answer.
   *
   * @param {string} target the agent
   * @param {string} type
   * @param {object} data
   * @param {{timeoutMs?: number}} options
   * @returns {Promise<any>} the answer's data
   * @throws {AnswerError} where the server refuses, the agent fails or nothing comes in time
   */
  request(target, type, data = {}, { timeoutMs } = {}) {
    const id = uniqueId();
    const request = { id, type, target, data };
    if (timeoutMs !== undefined) request.timeout = timeoutMs / 1000;
    return this.ask(id, { request }, timeoutMs);
  }

  /**
   * Answers a request, as the agent.
   *
   * @param {string} requestId
   * @param {{status?: "success"|"failed"|"error", data?: any, errors?: any[]}} answer
   * @returns {boolean} whether it was sent or will be
   */
  respond(requestId, { status = "success", data, errors } = {}) {
    return this.post({ response: { request_id: requestId, status, data, errors } });
  }

  subscriptionMessage(subscription) {
    return { subscription };
  }

  unsubscriptionMessage(id) {
    return { unsubscription: { id } };
  }

  publicationMessage(id, topic, data) {
    return { publication: { id, topic, data } };
  }

  read(message) {
    const { request, response, publication, subscribed, published, gap, error } = message;
    if (message.event_type !== undefined) {
      return { kind: "event", name: "event", detail: message, sequence: message.sequence };
    }
    if (publication) {
      return { kind: "event", name: "publication", detail: publication, sequence: publication.sequence };
    }
    if (request) return { kind: "event", name: "request", detail: request };
    if (response) return answerOf(response);
    if (subscribed) return { kind: "subscribed", id: subscribed.subscription_id, from: subscribed.from };
    if (published) return { kind: "answer", to: published.id, value: published.sequence };
    if (gap) return { kind: "gap", gap };
    if (error) {
      const { code, message: text, correlation_id: to, details } = error;
      return { kind: "refusal", to, error: new AnswerError(code, text, details) };
    }
    return { kind: message.type === "heartbeat" ? "heartbeat" : "unknown" };
  }
}

function answerOf({ request_id: to, status, data, errors }) {
  if (status === "success" || status === "completed") return { kind: "answer", to, value: data ?? null };
  return { kind: "refusal", to, error: AnswerError.of(status, errors) };
}
