/**
 * @file COMPRESSED_BATCH frames, inflated by Node's own zlib: those of the golden vectors, and those
 * of the file that AGNT_BATCHES names. Zstandard is tried where this Node.js has it (22.15).
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as zlib from "node:zlib";

const HEAD_BYTES = 9;
const golden = new URL("../golden/batches/python.json", import.meta.url);
const files = [golden, process.env.AGNT_BATCHES].filter((file) => file !== undefined);

const inflate = {
  zlib: zlib.inflateSync,
  deflate: zlib.inflateSync,
  gzip: zlib.gunzipSync,
  brotli: zlib.brotliDecompressSync,
  zstd: zlib.zstdDecompressSync,
};

for (const file of files) {
  const vectors = JSON.parse(readFileSync(file, "utf8"));

  test(`${file} has vectors of every algorithm`, () => {
    const found = new Set(vectors.map(({ algorithm }) => algorithm));
    assert.deepEqual([...found].sort(), Object.keys(inflate).sort());
  });

  // What else Node's libraries let pass is their affair; the server's refusals are tried in Rust.
  for (const vector of vectors.filter(({ refused }) => refused === undefined)) {
    const skip = inflate[vector.algorithm] === undefined && "this Node.js has no Zstandard";
    test(`inflates ${vector.name}`, { skip }, () => {
      const batch = Buffer.from(vector.hex, "hex");
      assert.equal(batch.toString("latin1", 0, 4), "AGNT");
      assert.equal(batch[4], 0x05);
      const frames = inflate[vector.algorithm](batch.subarray(HEAD_BYTES));
      assert.equal(frames.length, batch.readUInt32LE(5));
      assert.equal(frames.toString("hex"), vector.frames);
    });
  }
}
