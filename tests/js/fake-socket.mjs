/**
 * @file A WebSocket that the test plays.
 */

export class FakeSocket {
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(message) {
    this.sent.push(message);
  }

  close(code) {
    this.closedWith = code ?? null;
  }

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  deliver(data) {
    const isText = typeof data === "object" && !(data instanceof ArrayBuffer);
    this.onmessage({ data: isText ? JSON.stringify(data) : data });
  }

  end(code, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

/** Connects a client over sockets that the test plays. */
export function start(Class, options = {}) {
  FakeSocket.all = [];
  const connection = new Class("http://host:1", {
    WebSocketClass: FakeSocket,
    random: () => 0.5,
    ...options,
  });
  const states = [];
  connection.on("state", (change) => states.push(change));
  connection.connect();
  return { connection, states, socket: FakeSocket.all[0], last: () => FakeSocket.all.at(-1) };
}

/** The server's part of a handshake. */
export function join(socket, granted = {}) {
  socket.open();
  const session = { type: "handshake_ack", sessionId: "s", protocols: ["binary"], heartbeatInterval: 30000 };
  socket.deliver({ ...session, ...granted });
}
