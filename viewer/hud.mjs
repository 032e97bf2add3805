/**
 * @file What the page says in words and figures: connection, rates, age, notices.
 *
 * Texts from the network are put in as text, never as markup.
 */

const MESSAGE_SHOWN_MS = 8000;
const OLD_MS = 1000;

const figure = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "compact" });

export class Hud {
  #parts;
  #messageTimer = null;

  /**
   * @param {ParentNode} root that holds the elements, found by `data-testid`
   * @param {() => void} retry called when someone will not wait
   */
  constructor(root, retry) {
    this.#parts = new Proxy(
      {},
      {
        get: (found, name) => (found[name] ??= root.querySelector(`[data-testid="${name}"]`)),
      },
    );
    this.#parts.retry.addEventListener("click", retry);
  }

  /** @param {string} stream */
  showStream(stream) {
    this.#parts.stream.textContent = stream;
  }

  /**
   * @param {object} figures
   * @param {number} figures.agents
   * @param {number} figures.fps
   * @param {number} figures.ticksPerSecond
   * @param {number} figures.bytesPerSecond
   * @param {number} figures.plainBytesPerSecond what the same ticks would have taken as plain frames
   * @param {string} figures.encoding in force; `plain` shows neither of these two
   * @param {number} figures.ageMs NaN before the first tick
   * @param {number} figures.roundTripMs NaN where unknown
   * @param {number[]} figures.speedRange
   * @param {number} figures.gridUnits
   */
  showFigures(figures) {
    const parts = this.#parts;
    setText(parts.agents, figure.format(figures.agents));
    setText(parts.fps, figure.format(figures.fps));
    setText(parts.ticks, figure.format(figures.ticksPerSecond));
    setText(parts.rate, figure.format(figures.bytesPerSecond / 1000));
    const isEncoded = figures.encoding !== "plain";
    parts.plain.hidden = !isEncoded;
    parts.encoded.hidden = !isEncoded;
    setText(parts["plain-rate"], figure.format(figures.plainBytesPerSecond / 1000));
    setText(parts.encoding, figures.encoding);
    setText(parts.age, duration(figures.ageMs));
    parts.age.dataset.old = String(figures.ageMs > OLD_MS);
    setText(parts["round-trip"], duration(figures.roundTripMs));
    setText(parts["speed-low"], short.format(figures.speedRange[0]));
    setText(parts["speed-high"], short.format(figures.speedRange[1]));
    setText(parts.grid, figures.agents === 0 ? "–" : short.format(figures.gridUnits));
  }

  /**
   * @param {import("./agnt-connection.mjs").ConnectionState} state
   * @param {{reason: string, retryInMs: number, agents: number, stream: string, isRefused: boolean}} detail `retryInMs` from now
   */
  showConnection(state, { reason, retryInMs, agents, stream, isRefused }) {
    const { connection, notice } = this.#parts;
    connection.dataset.state = state;
    const texts = {
      disconnected: ["disconnected", "Disconnected", reason],
      connecting: ["connecting", null, ""],
      connected: ["connected", null, ""],
      waiting: ["server is away", "The server is away", retryText(retryInMs)],
    };
    let [text, title, explanation] = texts[state];
    if (state === "connected" && agents === 0) {
      title = "Nothing moves here yet";
      explanation = `The stream “${stream}” has no agents. They appear as soon as a publisher sends them.`;
    }
    if (isRefused) [text, title] = ["not let in", "This server wants an API key or a token"];
    const form = this.#parts["credential-form"];
    if (form.hidden === isRefused) form.hidden = !isRefused;
    setText(this.#parts["connection-text"], text);
    // While it tries again the notice stays, so that it does not flicker at each attempt.
    if (state === "connecting" && !notice.hidden && notice.dataset.for === "waiting") {
      title = "The server is away";
      explanation = "Trying now …";
    }
    notice.hidden = title === null;
    if (title === null) return;
    notice.dataset.for = state === "connecting" ? "waiting" : state;
    setText(this.#parts["notice-title"], title);
    setText(this.#parts["notice-text"], explanation);
    this.#parts.retry.hidden = (state !== "waiting" && state !== "disconnected") || isRefused;
  }

  /** Hears what a person gives to be let in by. @param {(text: string) => void} give */
  onCredential(give) {
    const { credential } = this.#parts;
    this.#parts["credential-form"].addEventListener("submit", (event) => {
      event.preventDefault();
      give(credential.value);
      credential.value = "";
    });
  }

  /** Shows a remark of the server for a while. @param {string} text */
  showMessage(text) {
    const { message } = this.#parts;
    setText(message, text.slice(0, 400));
    message.hidden = false;
    clearTimeout(this.#messageTimer);
    this.#messageTimer = setTimeout(() => {
      message.hidden = true;
    }, MESSAGE_SHOWN_MS);
  }

  /**
   * Says that the page cannot work, and why.
   *
   * @param {string} title
   * @param {string} reason
   */
  showFailure(title, reason) {
    const { connection, notice } = this.#parts;
    connection.dataset.state = "disconnected";
    setText(this.#parts["connection-text"], "not started");
    notice.hidden = false;
    setText(this.#parts["notice-title"], title);
    setText(this.#parts["notice-text"], reason.slice(0, 400));
  }
}

function retryText(retryInMs) {
  const seconds = Math.ceil(retryInMs / 1000);
  return seconds > 0 ? `It comes back by itself: next try in ${seconds} s.` : "Trying now …";
}

function duration(ms) {
  if (Number.isNaN(ms)) return "–";
  if (ms < 1) return "<1 ms";
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return `${Math.round(ms / 1000)} s`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
