// A ring of 100 agents at 60 Hz. Usage: node publish.mjs [http://127.0.0.1:8080]
import { AgntPublisher } from "../viewer/agnt-publisher.mjs";

const WebSocketClass = globalThis.WebSocket ?? (await import("ws")).default;
const publisher = new AgntPublisher(process.argv[2] ?? "http://127.0.0.1:8080", { WebSocketClass });
publisher.connect();
setInterval(() => {
  const angles = Array.from({ length: 100 }, (_, id) => id * 0.0628 + Date.now() / 2000);
  const ring = angles.map((angle, id) => ({ id, x: 200 * Math.cos(angle), y: 0, z: 200 * Math.sin(angle) }));
  publisher.publish(ring.map((agent) => ({ ...agent, vx: -agent.z / 2, vz: agent.x / 2 })));
}, 1000 / 60);
