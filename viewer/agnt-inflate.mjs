/**
 * @file What a COMPRESSED_BATCH holds, by the platform's own DecompressionStream.
 *
 * Invariant: never more than the batch says it holds is kept, and what it says is checked before anything is
 * inflated; so a batch that lies costs no memory.
 */

import { AgntDecodeError } from "./agnt-codec.mjs";

/** Algorithms that browsers can undo, by the platform's names for them. HTTP's `deflate` is zlib's format. */
const FORMATS = Object.freeze({ zlib: "deflate", deflate: "deflate", gzip: "gzip" });

/** Algorithms that a client may offer. */
export const INFLATABLE = Object.freeze(Object.keys(FORMATS));
/** The most that a batch may hold where the server names no other bound. */
export const INFLATE_BYTES_MAX = 1 << 20;

/**
 * @param {import("./agnt-codec.mjs").Frame} batch of kind `compressed`
 * @param {string} algorithm that was negotiated
 * @param {number} bytesMax the most that it may hold
 * @param {import("./agnt-message-buffer.mjs").MessageBuffer} into gets the frames, in place of what it held
 * @throws {AgntDecodeError} `NotInflated` where the data is not of the algorithm, is cut short or goes on behind
 *   its end; `InflatedMismatch` where it is not as long as the batch says, or that is more than allowed
 */
export async function inflateBatch({ offset, originalBytes, data }, algorithm, bytesMax, into) {
  const format = FORMATS[algorithm];
  if (format === undefined) throw new AgntDecodeError("NotInflated", offset, originalBytes, 0);
  if (originalBytes > bytesMax) throw new AgntDecodeError("InflatedMismatch", offset, bytesMax, originalBytes);
  into.clear();
  const inflater = new DecompressionStream(format);
  const writer = inflater.writable.getWriter();
  // What is wrong with the data is thrown by the reading end as well.
  writer.write(data).catch(() => {});
  writer.close().catch(() => {});
  const reader = inflater.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new AgntDecodeError("NotInflated", offset, originalBytes, into.length);
    });
    if (done) break;
    const length = into.length + value.length;
    if (length > originalBytes) {
      reader.cancel().catch(() => {});
      throw new AgntDecodeError("InflatedMismatch", offset, originalBytes, length);
    }
    into.append(value);
  }
  if (into.length !== originalBytes) {
    throw new AgntDecodeError("InflatedMismatch", offset, originalBytes, into.length);
  }
}
