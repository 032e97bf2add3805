/**
 * @file The ring round the chosen dot.
 */

export class Marker {
  #element;

  /** @param {HTMLElement} element its middle is put at the place */
  constructor(element) {
    this.#element = element;
  }

  /** @param {{x: number, y: number}|null} place in CSS pixels of the page; null hides it */
  show(place) {
    this.#element.hidden = place === null;
    if (place !== null) this.#element.style.translate = `${place.x.toFixed(1)}px ${place.y.toFixed(1)}px`;
  }
}
