#!/usr/bin/env python3
"""Inflates COMPRESSED_BATCH frames by Python's own libraries and by those of brotli and Zstandard.

    check_batches.py FILE...

A file is a JSON array of vectors as tests/golden/batches/README.md describes them. A vector passes if its
head is right and its data is one whole stream of its algorithm that holds exactly its frames; one
that is marked as refused passes if something of that is not so.
"""

import gzip
import json
import pathlib
import struct
import sys
import zlib

import brotli
import zstandard

HEAD = struct.Struct("<4sBI")
COMPRESSED_BATCH = 0x05


class Refused(Exception):
    """A batch that isn't what it says."""


def inflate_zlib(data):
    return whole(zlib.decompressobj(), data)


def inflate_gzip(data):
    inflated = whole(zlib.decompressobj(wbits=31), data)
    if gzip.decompress(data) != inflated:
        raise Refused("gzip and zlib disagree")
    return inflated


def inflate_zstd(data):
    return whole(zstandard.ZstdDecompressor().decompressobj(), data)


def whole(decoder, data):
    """What one stream holds, if it is all of the data and ends."""
    inflated = decoder.decompress(data)
    if not decoder.eof:
        raise Refused("the stream goes on")
    if decoder.unused_data:
        raise Refused(f"{len(decoder.unused_data)} bytes behind the stream")
    return inflated


INFLATE = {
    "zlib": inflate_zlib,
    "deflate": inflate_zlib,
    "gzip": inflate_gzip,
    "brotli": brotli.decompress,
    "zstd": inflate_zstd,
}
FAILURES = (Refused, zlib.error, OSError, EOFError, brotli.error, zstandard.ZstdError)


def inflate(algorithm, batch):
    """The frames of a whole batch, head and data."""
    magic, kind, original_bytes = HEAD.unpack_from(batch)
    if (magic, kind) != (b"AGNT", COMPRESSED_BATCH):
        raise Refused(f"no head of a batch: {batch[: HEAD.size].hex()}")
    frames = INFLATE[algorithm](batch[HEAD.size :])
    if len(frames) != original_bytes:
        raise Refused(f"{len(frames)} bytes, {original_bytes} announced")
    return frames


def fault_of(vector):
    """What is wrong with a vector, if anything is."""
    batch, frames = bytes.fromhex(vector["hex"]), bytes.fromhex(vector["frames"])
    try:
        inflated = inflate(vector["algorithm"], batch)
    except FAILURES as failure:
        return None if vector.get("refused") else f"{type(failure).__name__}: {failure}"
    if vector.get("refused"):
        return "inflates, and was to be refused"
    return None if inflated == frames else "inflates to other frames"


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    checked, faults = 0, []
    for path in map(pathlib.Path, sys.argv[1:]):
        vectors = json.loads(path.read_text(encoding="utf-8"))
        checked += len(vectors)
        faults += [
            f"{path.name}: {vector['name']}: {fault}"
            for vector in vectors
            if (fault := fault_of(vector))
        ]
    print(*faults, f"{checked} batches, {len(faults)} of them wrong", sep="\n")
    return 1 if faults or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
