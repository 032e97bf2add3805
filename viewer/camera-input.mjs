/**
 * @file Mouse, wheel, touch and keys that move the camera.
 *
 * One pointer circles (with the right button or shift: moves sideways), two pointers move and pinch, the
 * wheel zooms, a double click or `f` shows the whole swarm.
 */

const ZOOM_PER_PIXEL = 0.0014;
const WHEEL_LINE_PIXELS = 16;
const KEY_PIXELS = 28;

/**
 * @param {HTMLElement} element that takes the gestures
 * @param {import("./camera.mjs").Camera} camera
 * @param {() => void} fit shows the whole swarm
 */
export function steerCamera(element, camera, fit) {
  const pointers = new Map();

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const after = { x: event.clientX, y: event.clientY };
    const [deltaX, deltaY] = [after.x - before.x, after.y - before.y];
    if (pointers.size === 1) {
      const sideways = (event.buttons & 6) !== 0 || event.shiftKey;
      if (sideways) camera.pan(deltaX, deltaY, element.clientHeight);
      else camera.orbit(deltaX, deltaY);
    } else {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      // Each finger moves the middle between the two by half of its own way.
      camera.pan(deltaX / 2, deltaY / 2, element.clientHeight);
      const gap = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
      camera.zoom(gap(before) / gap(after));
    }
    pointers.set(event.pointerId, after);
  });
  const release = (event) => pointers.delete(event.pointerId);
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("dblclick", fit);
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 0 ? 1 : WHEEL_LINE_PIXELS);
      camera.zoom(Math.exp(pixels * ZOOM_PER_PIXEL));
    },
    { passive: false },
  );
  element.addEventListener("keydown", (event) => {
    const moves = {
      ArrowLeft: () => camera.orbit(-KEY_PIXELS, 0),
      ArrowRight: () => camera.orbit(KEY_PIXELS, 0),
      ArrowUp: () => camera.orbit(0, KEY_PIXELS),
      ArrowDown: () => camera.orbit(0, -KEY_PIXELS),
      "+": () => camera.zoom(0.85),
      "-": () => camera.zoom(1 / 0.85),
      f: fit,
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  });
}
