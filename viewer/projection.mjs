/**
 * @file From the swarm's space into the picture, as the GPU does it, for one record at a time.
 */

export class Projection {
  #matrix;
  #width;
  #height;
  #aheadS;

  /**
   * @param {Float32Array} matrix world to clip space, column by column
   * @param {number} width of the picture
   * @param {number} height
   * @param {number} aheadS how far records have moved on by their velocity
   */
  constructor(matrix, width, height, aheadS) {
    this.#matrix = matrix;
    this.#width = width;
    this.#height = height;
    this.#aheadS = aheadS;
  }

  /**
   * @param {Float32Array} floats
   * @param {number} at where the record begins: id, position, velocity
   * @param {number[]} place takes x and y, from the upper left corner
   * @returns {boolean} false where it is behind the eye, or nowhere
   */
  place(floats, at, place) {
    const m = this.#matrix;
    const x = this.#moved(floats, at + 1);
    const y = this.#moved(floats, at + 2);
    const z = this.#moved(floats, at + 3);
    const w = m[3] * x + m[7] * y + m[11] * z + m[15];
    // Not a number is not above 0 either.
    if (!(w > 0)) return false;
    const clipX = m[0] * x + m[4] * y + m[8] * z + m[12];
    const clipY = m[1] * x + m[5] * y + m[9] * z + m[13];
    place[0] = (0.5 + (0.5 * clipX) / w) * this.#width;
    place[1] = (0.5 - (0.5 * clipY) / w) * this.#height;
    return true;
  }

  #moved(floats, at) {
    return floats[at] + floats[at + 3] * this.#aheadS;
  }
}
