#!/usr/bin/env python3
"""Makes tests/golden/batches/python.json: COMPRESSED_BATCH frames by the encoders that Python has.

    make_batches.py

The bytes depend on the versions of zlib, brotli and Zstandard, so that the file isn't made again to
compare; check_batches.py says whether it holds what it says.
"""

import gzip
import json
import math
import pathlib
import struct
import zlib

import brotli
import zstandard

import agnt_codec as agnt

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "batches" / "python.json"
AGENTS = 12


def swarm(turn):
    """A POSITION_UPDATE of agents on circles, as exact f32."""
    records = []
    for agent in range(AGENTS):
        angle = agent + turn / 8
        place = (20 * math.cos(angle), 20 * math.sin(angle), agent / 2)
        velocity = (-5 * math.sin(angle), 5 * math.cos(angle), 0.0)
        single = [struct.unpack("<f", struct.pack("<f", it))[0] for it in (*place, *velocity)]
        records.append({"id": agent + 1, **dict(zip(agnt.POSITION_KEYS, single))})
    return agnt.encode({"type": 1, "flags": 0, "payload": {"records": records}})


def states():
    records = [{"id": agent + 1, "state": 3, "metadata": None} for agent in range(AGENTS)]
    return agnt.encode({"type": 2, "flags": 0, "payload": {"records": records}})


ONE = swarm(0)
TWO = swarm(1) + states()
REST = b"".join(states() for _ in range(8))


def zlib_stream(frames, level=6, wbits=15, dictionary=b"", flush_every=0):
    given = {"zdict": dictionary} if dictionary else {}
    encoder = zlib.compressobj(level, zlib.DEFLATED, wbits, **given)
    if not flush_every:
        return encoder.compress(frames) + encoder.flush()
    out = b""
    for start in range(0, len(frames), flush_every):
        out += encoder.compress(frames[start : start + flush_every])
        out += encoder.flush(zlib.Z_FULL_FLUSH)
    return out + encoder.flush()


def gzip_with_fields(frames):
    """A member with an extra field, a name, a comment and the checksum of its head: RFC 1952."""
    head = b"\x1f\x8b\x08" + bytes([2 | 4 | 8 | 16]) + struct.pack("<IBB", 0, 0, 255)
    head += struct.pack("<H", 6) + b"ab" + struct.pack("<H", 2) + b"xy" + b"tick\0" + b"a tick\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    return head + zlib_stream(frames, wbits=-15) + struct.pack("<II", zlib.crc32(frames), len(frames))


def brotli_flushed(frames, every):
    encoder = brotli.Compressor(quality=5)
    out = b""
    for start in range(0, len(frames), every):
        out += encoder.process(frames[start : start + every]) + encoder.flush()
    return out + encoder.finish()


def zstd_flushed(frames, every):
    encoder = zstandard.ZstdCompressor().compressobj()
    out = b""
    for start in range(0, len(frames), every):
        out += encoder.compress(frames[start : start + every])
        out += encoder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return out + encoder.flush()


def zstd_stream(frames, level=3, **options):
    return zstandard.ZstdCompressor(level=level, **options).compress(frames)


def zstd_of_unknown_size(frames, window_bits):
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, window_log=window_bits, write_content_size=False
    )
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return encoder.compress(frames) + encoder.flush()


def zstd_with_dictionary(frames):
    dictionary = zstandard.ZstdCompressionDict(TWO, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=dictionary).compress(frames)


def broken(data, bytes_from_end):
    """The data with one bit of it turned."""
    turned = bytearray(data)
    turned[-bytes_from_end] ^= 1
    return bytes(turned)


SKIPPABLE = struct.pack("<II", 0x184D2A50, 4) + b"abcd"
HALF = len(TWO) // 2

GOOD = [
    ("zlib, level 1", "zlib", TWO, zlib_stream(TWO, 1)),
    ("zlib, level 6", "zlib", ONE, zlib_stream(ONE)),
    ("zlib, level 9, at rest", "zlib", REST, zlib_stream(REST, 9)),
    ("zlib, stored", "zlib", ONE, zlib_stream(ONE, 0)),
    ("zlib, a window of 512 bytes", "zlib", TWO, zlib_stream(TWO, wbits=9)),
    ("zlib, flushed every 100 bytes", "zlib", TWO, zlib_stream(TWO, flush_every=100)),
    ("zlib, nothing in it", "zlib", b"", zlib_stream(b"")),
    ("deflate is zlib", "deflate", TWO, zlib_stream(TWO)),
    ("gzip, level 1", "gzip", ONE, gzip.compress(ONE, 1, mtime=0)),
    ("gzip, level 9", "gzip", TWO, gzip.compress(TWO, 9, mtime=1_700_000_000)),
    ("gzip, every optional field", "gzip", TWO, gzip_with_fields(TWO)),
    ("brotli, quality 0", "brotli", TWO, brotli.compress(TWO, quality=0)),
    ("brotli, quality 5", "brotli", ONE, brotli.compress(ONE, quality=5)),
    ("brotli, quality 11, the default", "brotli", TWO, brotli.compress(TWO)),
    ("brotli, at rest", "brotli", REST, brotli.compress(REST)),
    ("brotli, a window of 1 KiB", "brotli", TWO, brotli.compress(TWO, quality=4, lgwin=10)),
    ("brotli, a window of 16 MiB", "brotli", TWO, brotli.compress(TWO, quality=4, lgwin=24)),
    ("brotli, flushed every 20 bytes", "brotli", TWO, brotli_flushed(TWO, 20)),
    ("brotli, nothing in it", "brotli", b"", brotli.compress(b"")),
    ("zstd, level 1", "zstd", TWO, zstd_stream(TWO, 1)),
    ("zstd, level 3", "zstd", ONE, zstd_stream(ONE)),
    ("zstd, level 22, with a checksum", "zstd", TWO, zstd_stream(TWO, 22, write_checksum=True)),
    ("zstd, at rest", "zstd", REST, zstd_stream(REST)),
    ("zstd, flushed every 20 bytes", "zstd", TWO, zstd_flushed(TWO, 20)),
    ("zstd, of unknown size", "zstd", TWO, zstd_of_unknown_size(TWO, 17)),
    ("zstd, asks for a window of 128 MiB", "zstd", TWO, zstd_of_unknown_size(TWO, 27)),
]

# What stands last is the name of the error that the server answers with.
REFUSED = [
    ("zlib, without its frame", "zlib", TWO, zlib_stream(TWO, wbits=-15), "WrongAlgorithm"),
    ("deflate, without its frame", "deflate", TWO, zlib_stream(TWO, wbits=-15), "WrongAlgorithm"),
    ("gzip for zlib", "zlib", TWO, gzip.compress(TWO, mtime=0), "WrongAlgorithm"),
    ("zlib for gzip", "gzip", TWO, zlib_stream(TWO), "WrongAlgorithm"),
    ("brotli for zstd", "zstd", TWO, brotli.compress(TWO), "WrongAlgorithm"),
    ("zlib, with a dictionary", "zlib", TWO, zlib_stream(TWO, dictionary=ONE), "Corrupt"),
    ("zlib, a wrong checksum", "zlib", TWO, broken(zlib_stream(TWO), 1), "Corrupt"),
    ("zlib, one byte behind it", "zlib", TWO, zlib_stream(TWO) + b"\0", "Trailing"),
    ("gzip, a wrong checksum", "gzip", TWO, broken(gzip.compress(TWO, mtime=0), 5), "Corrupt"),
    ("gzip, a wrong size", "gzip", TWO, broken(gzip.compress(TWO, mtime=0), 1), "Corrupt"),
    (
        "gzip, two members",
        "gzip",
        TWO,
        gzip.compress(TWO[:HALF], mtime=0) + gzip.compress(TWO[HALF:], mtime=0),
        "Trailing",
    ),
    ("brotli, one byte behind it", "brotli", TWO, brotli.compress(TWO) + b"\0", "Trailing"),
    ("zstd, one byte behind it", "zstd", TWO, zstd_stream(TWO) + b"\0", "Trailing"),
    ("zstd, two frames", "zstd", TWO, zstd_stream(TWO[:HALF]) + zstd_stream(TWO[HALF:]), "Trailing"),
    ("zstd, a skippable frame behind it", "zstd", TWO, zstd_stream(TWO) + SKIPPABLE, "Trailing"),
    ("zstd, a skippable frame first", "zstd", TWO, SKIPPABLE + zstd_stream(TWO), "WrongAlgorithm"),
    (
        "zstd, a wrong checksum",
        "zstd",
        TWO,
        broken(zstd_stream(TWO, write_checksum=True), 1),
        "Corrupt",
    ),
    ("zstd, with a dictionary", "zstd", TWO, zstd_with_dictionary(TWO), "Corrupt"),
]

# Batches that lie about their length, of every algorithm.
LIES = [
    (f"{algorithm}, announces {wrong} byte", algorithm, TWO, data, change, error)
    for algorithm, data in (
        ("zlib", zlib_stream(TWO)),
        ("deflate", zlib_stream(TWO)),
        ("gzip", gzip.compress(TWO, mtime=0)),
        ("brotli", brotli.compress(TWO)),
        ("zstd", zstd_stream(TWO)),
    )
    for wrong, change, error in (("one less", -1, "Longer"), ("one more", 1, "Shorter"))
]


def vector(name, algorithm, frames, data, refused=None, change=0):
    batch = struct.pack("<4sBI", b"AGNT", agnt.COMPRESSED_BATCH, len(frames) + change) + data
    made = {"name": name, "algorithm": algorithm, "hex": batch.hex(), "frames": frames.hex()}
    return {**made, "refused": refused} if refused else made


def main():
    vectors = [vector(*good) for good in GOOD] + [vector(*refused) for refused in REFUSED]
    vectors += [
        vector(name, algorithm, frames, data, error, change)
        for name, algorithm, frames, data, change, error in LIES
    ]
    OUT.write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
