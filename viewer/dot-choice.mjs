/**
 * @file A click that chooses a dot: one pointer that goes down and up at the same place.
 */

/** A mouse is exact; a finger hides what it is about to touch. */
const REACH_PIXELS = { mouse: 12, pen: 14, touch: 26 };
const MOVED_PIXELS_MAX = 5;

/**
 * @param {HTMLElement} element that takes the clicks
 * @param {(x: number, y: number, reach: number) => void} choose in CSS pixels of the element
 */
export function chooseDots(element, choose) {
  const down = new Map();
  let isGesture = false;

  element.addEventListener("pointerdown", (event) => {
    // A second finger makes it a gesture until all are up again.
    isGesture = down.size > 0 || event.button !== 0 || event.shiftKey;
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  element.addEventListener("pointerup", (event) => {
    const from = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (from === undefined || isGesture) return;
    if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > MOVED_PIXELS_MAX) return;
    const { left, top } = element.getBoundingClientRect();
    choose(event.clientX - left, event.clientY - top, REACH_PIXELS[event.pointerType] ?? REACH_PIXELS.mouse);
  });
  element.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
}
