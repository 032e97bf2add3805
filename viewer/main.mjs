/**
 * @file The viewer page: joins client, swarm, view and head-up display.
 *
 * `?stream=NAME` picks the stream, `main` where left out; `?detail=full` draws everything however long it
 * takes. `window.agntViewer` tells, for reading only, what the page counts.
 */

import { AgntClient } from "./agnt-client.mjs";
import { steerCamera } from "./camera-input.mjs";
import { Detail } from "./detail.mjs";
import { Hud } from "./hud.mjs";
import { Meter } from "./meter.mjs";
import { Swarm } from "./swarm.mjs";
import { SwarmView } from "./swarm-view.mjs";

const HUD_MS = 250;

const query = new URLSearchParams(location.search);
const stream = query.get("stream") ?? "main";
const detail = new Detail(query.get("detail") === "full");
const canvas = document.getElementById("view");
const client = new AgntClient(location.origin, { stream });
const swarm = new Swarm();
const hud = new Hud(document, () => client.connect());
const meters = { frames: new Meter(), ticks: new Meter(), bytes: new Meter() };
const shown = { lastTickAtMs: NaN, reason: "", retryAtMs: 0 };

function start() {
  const view = new SwarmView(canvas, swarm, detail);
  const fit = () => view.fit();
  steerCamera(canvas, view.camera, fit);

  client.on("tick", (tick) => {
    swarm.apply(tick);
    view.ticked(tick.receivedAtMs);
    shown.lastTickAtMs = tick.receivedAtMs;
  });
  client.on("state", ({ state, reason, retryInMs }) => {
    view.live = state === "connected";
    shown.reason = reason;
    shown.retryAtMs = performance.now() + retryInMs;
    showConnection();
  });
  client.on("text", (message) => {
    if (message?.type === "error") hud.showMessage(message.payload?.message ?? "The server reports an error.");
  });
  client.on("frame", (frame) => {
    if (frame.kind === "error") hud.showMessage(frame.text);
  });
  client.on("fault", (fault) => hud.showMessage(fault.message));

  window.addEventListener("online", () => client.connect());
  setInterval(showFigures, HUD_MS, view);
  requestAnimationFrame(function draw(nowMs) {
    requestAnimationFrame(draw);
    view.draw(nowMs);
    client.displayedTick = client.ticksReceived;
  });

  const counts = {
    agents: () => swarm.agents,
    ticks: () => client.ticksReceived,
    ticksIncomplete: () => client.ticksIncomplete,
    ticksUnparsed: () => swarm.ticksUnparsed,
    ticksBySlot: () => swarm.ticksBySlot,
    connectionState: () => client.state,
    lastTickAt: () => shown.lastTickAtMs,
    detailLevel: () => detail.level,
    drawnFrames: () => view.drawnFrames,
    uploadsUnparsed: () => view.uploadsUnparsed,
    uploadsBySlot: () => view.uploadsBySlot,
  };
  const properties = Object.entries(counts).map(([name, get]) => [name, { get, enumerable: true }]);
  window.agntViewer = Object.freeze(Object.defineProperties({}, Object.fromEntries(properties)));

  hud.showStream(stream);
  client.connect();
}

function showFigures(view) {
  const nowMs = performance.now();
  meters.frames.sample(view.drawnFrames, nowMs);
  meters.ticks.sample(client.ticksReceived, nowMs);
  meters.bytes.sample(client.bytesReceived, nowMs);
  client.clientFps = meters.frames.perSecond;
  hud.showFigures({
    agents: swarm.agents,
    fps: meters.frames.perSecond,
    ticksPerSecond: meters.ticks.perSecond,
    bytesPerSecond: meters.bytes.perSecond,
    ageMs: nowMs - shown.lastTickAtMs,
    roundTripMs: client.roundTripMs,
    speedRange: view.speedRange,
    gridUnits: view.gridUnits,
  });
  showConnection();
}

function showConnection() {
  hud.showConnection(client.state, {
    reason: shown.reason,
    retryInMs: shown.retryAtMs - performance.now(),
    agents: swarm.agents,
    stream,
  });
}

try {
  start();
} catch (fault) {
  hud.showFailure(fault.message);
  throw fault;
}
