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
  const { codec, algorithm } = wishesOf(query);
  if (codec !== "none") options.encodings = [codec === "fixed" ? fixedWithin(query.get("error")) : codec];
  if (algorithm !== "none") options.compression = { algorithms: [algorithm] };
  return options;
}

/** What is asked for by names that are known; `none` for all else. */
function wishesOf(query) {
  const [codec, algorithm] = [query.get("encoding"), query.get("compression")];
  return {
    codec: CODEC_NAMES.includes(codec) ? codec : "none",
    algorithm: INFLATABLE.includes(algorithm) ? algorithm : "none",
  };
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
 * Lets people choose; the page is opened anew with what they chose. What the address asks for and no option offers
 * becomes one more.
 *
 * @param {HTMLSelectElement} select whose values are queries such as `encoding=fixed&compression=zlib`
 * @param {Location} location
 */
export function offerChoice(select, location) {
  const query = new URLSearchParams(location.search);
  const wishes = wishesOf(query);
  const offered = [...select.options].find(({ value }) => {
    const { codec, algorithm } = wishesOf(new URLSearchParams(value));
    return codec === wishes.codec && algorithm === wishes.algorithm;
  });
  if (offered === undefined) {
    const value = new URLSearchParams({ encoding: wishes.codec, compression: wishes.algorithm }).toString();
    select.add(new Option(encodingText(wishes), value));
    select.value = value;
  } else select.value = offered.value;
  select.addEventListener("change", () => {
    query.delete("encoding");
    query.delete("compression");
    for (const [key, value] of new URLSearchParams(select.value)) query.set(key, value);
    location.search = query.toString();
  });
}
