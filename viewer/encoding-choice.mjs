/**
 * @file Which encoding the page asks for: read from its address, chosen in its header.
 *
 * `?encoding=fixed|predict|box|shuffle|plain`, `&error=UNITS` for `fixed` and `&compression=zlib|gzip|none`. The
 * address says it all, so that a link shows the same.
 */

import { CODEC_NAMES } from "./agnt-encoding.mjs";
import { INFLATABLE } from "./agnt-inflate.mjs";

const POSITION_ERROR = 1 / 1024;
/** A velocity may differ by so many times as much as a position. */
const VELOCITY_FACTOR = 4;

/**
 * @param {URLSearchParams} query
 * @returns {{encodings?: object[], compression?: object}} options of `AgntClient`; none where nothing is asked for
 */
export function optionsOf(query) {
  const options = {};
  const codec = query.get("encoding");
  const algorithm = query.get("compression");
  if (CODEC_NAMES.includes(codec)) options.encodings = [codec === "fixed" ? fixedWithin(query.get("error")) : codec];
  if (INFLATABLE.includes(algorithm)) options.compression = { algorithms: [algorithm] };
  return options;
}

function fixedWithin(error) {
  const wished = Number(error);
  const positionError = Number.isFinite(wished) && wished > 0 ? wished : POSITION_ERROR;
  return { codec: "fixed", positionError, velocityError: VELOCITY_FACTOR * positionError };
}

/**
 * What is in force, for people.
 *
 * @param {import("./agnt-client.mjs").Encoding} encoding
 * @returns {string}
 */
export function encodingText({ codec, algorithm }) {
  const parts = [codec, algorithm].filter((part) => part !== "none");
  return parts.length === 0 ? "plain" : parts.join(" + ");
}

/**
 * Lets people choose; the page is opened anew with what they chose.
 *
 * @param {HTMLSelectElement} select whose values are queries such as `encoding=fixed&compression=zlib`
 * @param {Location} location
 */
export function offerChoice(select, location) {
  const query = new URLSearchParams(location.search);
  const asked = [...select.options].find(({ value }) => {
    const wishes = new URLSearchParams(value);
    return ["encoding", "compression"].every((key) => (query.get(key) ?? "") === (wishes.get(key) ?? ""));
  });
  select.value = asked?.value ?? "";
  select.addEventListener("change", () => {
    query.delete("encoding");
    query.delete("compression");
    for (const [key, value] of new URLSearchParams(select.value)) query.set(key, value);
    location.search = query.toString();
  });
}
