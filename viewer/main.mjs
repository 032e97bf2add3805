/**
 * @file The viewer page: joins client, swarm, view and head-up display.
 *
 * `?stream=NAME` picks the stream, `main` where left out; `?detail=full` draws everything however long it
 * takes; `panel=agents`, `tasks` or `events` opens the panel; `encoding-choice.mjs` has the rest. `#token=TEXT` is what
 * the page is let in by, an API key or a token. `window.agntViewer` tells, for reading only, what the page counts.
 */

import { AgentStates } from "./agent-states.mjs";
import { AgntClient } from "./agnt-client.mjs";
import { steerCamera } from "./camera-input.mjs";
import { Credential } from "./credential.mjs";
import { Detail } from "./detail.mjs";
import { chooseDots } from "./dot-choice.mjs";
import { encodingText, offerChoice, optionsOf } from "./encoding-choice.mjs";
import { Hud } from "./hud.mjs";
import { Marker } from "./marker.mjs";
import { Meter } from "./meter.mjs";
import { Panel } from "./panel/panel.mjs";
import { Swarm } from "./swarm.mjs";
import { SwarmView } from "./swarm-view.mjs";

const HUD_MS = 250;
/** Names and types of agents come with their states. */
const CAPABILITIES = ["binary", "state-metadata"];

const query = new URLSearchParams(location.search);
const stream = query.get("stream") ?? "main";
const detail = new Detail(query.get("detail") === "full");
const canvas = document.getElementById("view");
const credential = new Credential();
const hud = new Hud(document, () => client.connect());
const client = newClient();
const swarm = new Swarm();
const states = new AgentStates();
const meters = { frames: new Meter(), ticks: new Meter(), bytes: new Meter(), plain: new Meter() };
const shown = { lastTickAtMs: NaN, reason: "", retryAtMs: 0, isRefused: false };
const REFUSALS = new Set([4401, 4403]);

function newClient() {
  try {
    return new AgntClient(location.origin, {
      stream,
      capabilities: CAPABILITIES,
      ticket: () => credential.ticket(),
      ...optionsOf(query),
    });
  } catch (fault) {
    hud.showFailure("This address names no stream", fault.message);
    throw fault;
  }
}

function start() {
  const view = new SwarmView(canvas, swarm, detail);
  const fit = () => view.fit();
  steerCamera(canvas, view.camera, fit);
  const panel = startPanel(view);
  new ResizeObserver(() => {
    if (!view.camera.held && swarm.agents > 0) fit();
  }).observe(canvas);
  const marker = new Marker(document.getElementById("marker"));

  client.on("tick", (tick) => {
    swarm.apply(tick);
    view.ticked(tick.receivedAtMs);
    shown.lastTickAtMs = tick.receivedAtMs;
  });
  hud.onCredential((text) => {
    credential.use(text);
    panel.useKey(text);
    client.connect();
  });
  client.on("state", ({ state, reason, code, retryInMs }) => {
    shown.isRefused = state === "disconnected" && REFUSALS.has(code);
    view.live = state === "connected";
    if (state === "connecting") states.clear();
    if (state === "connected" && panel.isOpen) panel.retry();
    shown.reason = reason;
    shown.retryAtMs = performance.now() + retryInMs;
    showConnection();
  });
  client.on("error", (error) => hud.showMessage(error?.message ?? "The server reports an error."));
  client.on("frame", (frame) => {
    if (frame.kind === "error") hud.showMessage(frame.text);
    if (frame.kind === "states") states.take(frame.records);
  });
  client.on("fault", (fault) => hud.showMessage(fault.message));

  window.addEventListener("online", () => client.connect());
  setInterval(showFigures, HUD_MS, view);
  requestAnimationFrame(function draw(nowMs) {
    requestAnimationFrame(draw);
    view.draw(nowMs);
    marker.show(panel.dotId === null ? null : view.placeOf(panel.dotId));
    client.displayedTick = client.ticksReceived;
  });

  const counts = {
    agents: () => swarm.agents,
    ticks: () => client.ticksReceived,
    ticksIncomplete: () => client.ticksIncomplete,
    ticksUnparsed: () => swarm.ticksUnparsed,
    ticksDecoded: () => swarm.ticksDecoded,
    ticksBySlot: () => swarm.ticksBySlot,
    connectionState: () => client.state,
    encoding: () => encodingText(client.encoding),
    bytesReceived: () => client.bytesReceived,
    plainBytes: () => client.plainBytes,
    lastTickAt: () => shown.lastTickAtMs,
    detailLevel: () => detail.level,
    drawnFrames: () => view.drawnFrames,
    uploadsUnparsed: () => view.uploadsUnparsed,
    uploadsDecoded: () => view.uploadsDecoded,
    uploadsBySlot: () => view.uploadsBySlot,
  };
  const properties = Object.entries(counts).map(([name, get]) => [name, { get, enumerable: true }]);
  window.agntViewer = Object.freeze(Object.defineProperties({}, Object.fromEntries(properties)));

  hud.showStream(stream);
  offerChoice(document.querySelector("[data-testid=encoding-choice]"), location);
  client.connect();
}

function startPanel(view) {
  const dotOf = (id) => {
    const record = view.recordOf(id);
    const told = states.of(id, client.session?.stateCodes);
    if (record === null) return told === null ? null : { ...told, position: null };
    const [, x, y, z, vx, vy, vz] = record.floats.subarray(record.at, record.at + 7);
    return { ...told, position: [x, y, z], speed: Math.hypot(vx, vy, vz) };
  };
  const [root, toggle] = [document.getElementById("panel"), document.getElementById("panel-toggle")];
  const panel = new Panel(root, toggle, { stream, dotOf });
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) {
    credential.use(token);
    panel.useKey(token);
    // It must not stay in the address, from which it would be copied and bookmarked.
    history.replaceState(null, "", location.pathname + location.search);
  }
  if (query.has("panel")) panel.open(query.get("panel"));
  chooseDots(canvas, (x, y, reach) => {
    const id = view.dotAt(x, y, reach);
    if (id === null) panel.clear();
    else panel.showDot(id);
  });
  return panel;
}

function showFigures(view) {
  const nowMs = performance.now();
  meters.frames.sample(view.drawnFrames, nowMs);
  meters.ticks.sample(client.ticksReceived, nowMs);
  meters.bytes.sample(client.bytesReceived, nowMs);
  meters.plain.sample(client.plainBytes, nowMs);
  client.clientFps = meters.frames.perSecond;
  hud.showFigures({
    agents: swarm.agents,
    fps: meters.frames.perSecond,
    ticksPerSecond: meters.ticks.perSecond,
    bytesPerSecond: meters.bytes.perSecond,
    plainBytesPerSecond: meters.plain.perSecond,
    encoding: encodingText(client.encoding),
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
    isRefused: shown.isRefused,
  });
}

try {
  start();
} catch (fault) {
  hud.showFailure("The viewer cannot draw here", fault.message);
  throw fault;
}
