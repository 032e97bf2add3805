/**
 * @file How much is drawn and how often, so that a weak machine stays fluent and never shows old data.
 *
 * Level 0 is everything; each further one leaves out what costs most and tells least. Time is judged in
 * windows: one in which slow frames took too large a share lowers the detail. It is raised again only after
 * many good windows, and the number asked for doubles each time, so that a machine at the edge does not
 * flicker between two levels.
 *
 * A browser hands messages to a page between frames. Where frames take long they would leave no time for
 * that, and what is shown would grow old; so after a slow frame drawing rests, and messages have their turn.
 */

/**
 * By level: most segments of all trails of a layer, most agents that throw a shadow, corners of an agent,
 * most pixels per CSS pixel.
 */
const LEVELS = [
  { segmentsMax: 48_000, shadowsMax: 20_000, agentVertices: 12, pixelRatioMax: 2 },
  { segmentsMax: 16_000, shadowsMax: 5_000, agentVertices: 12, pixelRatioMax: 1.5 },
  { segmentsMax: 6_000, shadowsMax: 1_000, agentVertices: 12, pixelRatioMax: 1 },
  { segmentsMax: 1_500, shadowsMax: 500, agentVertices: 6, pixelRatioMax: 0.75 },
];

const SLOW_MS = 42;
const WINDOW_MS = 1000;
const SLOW_SHARE_MAX = 0.3;
const GOOD_WINDOWS_AT_FIRST = 8;
/** A longer gap is a page that was hidden, not a frame that was slow. */
const PAUSE_MS = 2000;
/** Time for messages after a slow frame, as a share of what the frame took. */
const REST_SHARE = 0.7;

export class Detail {
  #level = 0;
  #fixed;
  #askedAtMs = NaN;
  #restUntilMs = 0;
  #windowMs = 0;
  #slowMs = 0;
  #goodWindows = 0;
  #goodWindowsNeeded = GOOD_WINDOWS_AT_FIRST;

  /** @param {boolean} fixed always everything, for pictures */
  constructor(fixed = false) {
    this.#fixed = fixed;
  }

  get level() {
    return this.#level;
  }

  get current() {
    return LEVELS[this.#level];
  }

  /**
   * Asked once at each animation frame.
   *
   * @param {number} nowMs
   * @returns {boolean} whether to draw now
   */
  due(nowMs) {
    const frameMs = nowMs - this.#askedAtMs;
    this.#askedAtMs = nowMs;
    // Drawing goes on in another process; a slow frame may show only in the gap before the one after it, so
    // every gap counts, drawn or not.
    if (frameMs < PAUSE_MS) this.#measure(frameMs, nowMs);
    return nowMs >= this.#restUntilMs;
  }

  #measure(frameMs, nowMs) {
    const slow = frameMs > SLOW_MS;
    if (slow) this.#restUntilMs = nowMs + frameMs * REST_SHARE;
    this.#windowMs += frameMs;
    this.#slowMs += slow ? frameMs : 0;
    if (this.#windowMs < WINDOW_MS) return;
    const share = this.#slowMs / this.#windowMs;
    this.#windowMs = 0;
    this.#slowMs = 0;
    if (this.#fixed) return;
    this.#goodWindows = share === 0 ? this.#goodWindows + 1 : 0;
    if (share > SLOW_SHARE_MAX && this.#level < LEVELS.length - 1) {
      this.#level += 1;
      this.#goodWindowsNeeded *= 2;
    } else if (this.#goodWindows >= this.#goodWindowsNeeded && this.#level > 0) {
      this.#level -= 1;
      this.#goodWindows = 0;
    }
  }
}
