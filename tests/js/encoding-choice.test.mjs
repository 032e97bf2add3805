/**
 * @file What the page asks for by its address.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { encodingText, offerChoice, optionsOf } from "../../viewer/encoding-choice.mjs";

const optionsFor = (search) => optionsOf(new URLSearchParams(search));

test("an address without wishes asks for nothing", () => {
  for (const search of ["", "encoding=plain&compression=none", "encoding=huffman", "compression=brotli"]) {
    assert.deepEqual(optionsFor(search), {});
  }
});

test("encodings, their error and compressions", () => {
  const fixed = { codec: "fixed", positionError: 1 / 1024, velocityError: 1 / 256 };
  assert.deepEqual(optionsFor("encoding=fixed"), { encodings: [fixed] });
  assert.deepEqual(optionsFor("encoding=fixed&error=-1"), { encodings: [fixed] });
  const coarse = { codec: "fixed", positionError: 0.5, velocityError: 2 };
  assert.deepEqual(optionsFor("encoding=fixed&error=0.5"), { encodings: [coarse] });
  assert.deepEqual(optionsFor("encoding=predict&compression=gzip"), {
    encodings: ["predict"],
    compression: { algorithms: ["gzip"] },
  });
});

test("what is in force has a name", () => {
  assert.equal(encodingText({ codec: "none", algorithm: "none" }), "plain");
  assert.equal(encodingText({ codec: "none", algorithm: "zlib" }), "zlib");
  assert.equal(encodingText({ codec: "fixed", algorithm: "none" }), "fixed");
  assert.equal(encodingText({ codec: "fixed", algorithm: "zlib" }), "fixed + zlib");
});

/** The part of a select element that the choice touches. */
function selectOf(...values) {
  const select = {
    options: values.map((value) => ({ value })),
    add: (option) => select.options.push(option),
    addEventListener: (_, listener) => (select.change = listener),
  };
  return select;
}

test("the choice shows what was asked for, and asks for another", () => {
  const select = selectOf("", "encoding=fixed", "encoding=fixed&compression=zlib");
  const location = { search: "?stream=s&encoding=fixed&compression=zlib" };
  offerChoice(select, location);
  assert.equal(select.value, "encoding=fixed&compression=zlib");
  select.value = "encoding=fixed";
  select.change();
  assert.equal(location.search, "stream=s&encoding=fixed");
  select.value = "";
  location.search = "?stream=s";
  select.change();
  assert.equal(location.search, "stream=s");
});

test("what no option offers becomes one more, and unknown names are plain", (t) => {
  globalThis.Option = function Option(text, value) {
    Object.assign(this, { text, value });
  };
  t.after(() => delete globalThis.Option);
  const shownFor = (search) => {
    const select = selectOf("", "encoding=predict");
    offerChoice(select, { search });
    return [select.value, ...select.options.slice(2).map(({ text }) => text)];
  };
  assert.deepEqual(shownFor("?encoding=predict&compression=gzip"), ["encoding=predict&compression=gzip", "predict + gzip"]);
  assert.deepEqual(shownFor("?compression=zlib"), ["encoding=none&compression=zlib", "zlib"]);
  assert.deepEqual(shownFor("?encoding=predict&compression=none"), ["encoding=predict"]);
  assert.deepEqual(shownFor("?encoding=huffman"), [""]);
});
