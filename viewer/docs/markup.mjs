/**
 * @file Elements made of what was read: every text goes in as text, never as markup.
 */

/**
 * An element with its attributes and children.
 *
 * @param {string} tag with classes behind dots: `p.note`
 * @param {Record<string, unknown>} [attributes] functions are listeners; undefined is left out
 * @param {...(Node | string | null | undefined | Array)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  made.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(key, value);
    } else if (value !== undefined && value !== false) {
      made.setAttribute(key, value === true ? "" : String(value));
    }
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Paragraphs of a text in which only `code` and **strong** words are marked.
 *
 * @param {string | undefined} text
 * @returns {HTMLElement[]}
 */
export function prose(text) {
  return (text ?? "")
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim())
    .map((paragraph) => element("p", {}, inline(paragraph)));
}

/**
 * The same within a line.
 *
 * @param {string | undefined} text
 * @returns {Array<Node | string>}
 */
export function inline(text) {
  return (text ?? "").split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`") && part.length > 2) {
      return element("code", {}, part.slice(1, -1));
    }
    if (part.startsWith("**") && part.length > 4) {
      return element("strong", {}, part.slice(2, -2));
    }
    return part;
  });
}

/**
 * A value as JSON that people can read.
 *
 * @param {unknown} value
 */
export function json(value) {
  return element("pre.json", { tabindex: "0" }, JSON.stringify(value, null, 2));
}

/**
 * Something that is shown on demand, and made only then.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {Array<Node | string>} summary
 * @param {() => Array<Node | string>} make
 */
export function fold(tag, attributes, summary, make) {
  const made = element(tag, attributes, element("summary", {}, summary));
  const fill = () => {
    if (made.open) {
      made.removeEventListener("toggle", fill);
      made.append(...make());
    }
  };
  made.addEventListener("toggle", fill);
  return made;
}
