"""The golden vectors of the encodings of positions: sequences of frames for one decoder each.

make_golden.py writes them to tests/golden/encodings.json. Frames that are to be refused are made
from good ones by changing bytes; everything else comes out of the encoders of agnt_encoding.
"""

import random
import struct

import agnt_codec as agnt
import agnt_encoding as encoding
from agnt_encoding import BOX, FIXED, PREDICT, SHUFFLE, bits_of, float_of

CODED = agnt.CODEC
KEYED = agnt.CODEC | agnt.KEYFRAME
NAN, QUIET, SIGNALLING = 0x7FC00000, 0xFFC12345, 0x7F800001
INFINITY, MINUS_INFINITY, MINUS_ZERO = 0x7F800000, 0xFF800000, 0x80000000
STEPS = (2.0**-9, 2.0**-8)
# Where fields of a payload of codecs 2 and 4 lie.
BITS, RUNS, SEQUENCE, COUNT, ASSIGNMENTS, A, POSITION_STEP, REST = 1, 2, 4, 8, 12, 16, 24, 32


def record(agent, *values):
    """A record of floats; whole numbers beyond 2^16 are bits."""
    bits = (one if isinstance(one, int) and one > 0xFFFF else bits_of(one) for one in values)
    return (agent, tuple(bits))


def coded(payload, flags=CODED):
    return struct.pack("<4sBBH", agnt.MAGIC, agnt.POSITION_UPDATE, flags, len(payload)) + payload


def plain(*records, flags=0):
    rows = b"".join(struct.pack("<7I", agent, *bits) for agent, bits in records)
    head = struct.pack("<I", len(records))
    return coded(head + rows, flags)


def key(encoder, records_per_frame=1000):
    payloads = encoder.key(records_per_frame)
    more = [agnt.MORE] * (len(payloads) - 1) + [0]
    return [coded(one, KEYED | flag) for one, flag in zip(payloads, more)]


def changed(frame, at, form, value):
    """A coded frame with one field of its payload changed."""
    there = bytearray(frame)
    struct.pack_into(form, there, 8 + at, value)
    return bytes(there)


def cut(frame, count):
    payload = frame[8:-count]
    return coded(payload, frame[5])


def longer(frame, more):
    return coded(frame[8:] + more, frame[5])


class Swarm:
    """Agents that move smoothly, by steps of time that differ."""

    def __init__(self, ids, seed):
        self.random = random.Random(seed)
        self.agents = {agent: self._newcomer() for agent in ids}

    def _newcomer(self):
        return [self._any(150) for _ in range(3)] + [self._any(5) for _ in range(3)]

    def _any(self, most):
        return (2 * self.random.random() - 1) * most

    def enter(self, *ids):
        for agent in ids:
            self.agents[agent] = self._newcomer()

    def step(self, time_s):
        for one in self.agents.values():
            for axis in range(3):
                before = one[3 + axis]
                one[3 + axis] += self._any(0.2)
                one[axis] += time_s * (before + one[3 + axis]) / 2

    def records(self):
        return [record(agent, *values) for agent, values in self.agents.items()]


def shuffles():
    odd = [
        record(7, 1.0, -2.5, 0.5, 0.25, 0.0, -1.0),
        record(0xFFFFFFFF, NAN, INFINITY, MINUS_INFINITY, SIGNALLING, QUIET, MINUS_ZERO),
        record(7, 1e-45, -1e-45, 3.4028234663852886e38, 0.1, 1.0, 2.0),
    ]
    swarm = Swarm(range(1, 41), 1)
    return {
        "shuffle: none": [coded(encoding.shuffle([]))],
        "shuffle: every kind of bits, an id twice": [coded(encoding.shuffle(odd))],
        "shuffle: forty agents, high priority, more to come": [
            coded(encoding.shuffle(swarm.records()), CODED | agnt.MORE | 4),
            plain(flags=4),
        ],
    }


def boxes():
    swarm = Swarm(range(100, 140), 2)
    at_rest = [record(agent, 10.0, 20.0, 30.0, 0.0, MINUS_ZERO, 0.0) for agent in (3, 2, 1)]
    wide = [
        record(1, -1e6, 0.25, 3.0, -1000.0, 0.001, 0.0),
        record(2, 1e6, 0.75, -3.0, 1000.0, 0.0, -0.001),
    ]
    gone = [record(5, NAN, 0.0, 0.0, 0.0, 0.0, 0.0)]
    return {
        "box: none": [coded(encoding.box([]))],
        "box: all at one place, at rest": [coded(encoding.box(at_rest))],
        "box: far apart": [coded(encoding.box(wide))],
        "box: forty agents, one gone": [
            coded(encoding.box(swarm.records()), CODED | agnt.MORE),
            plain(*gone),
        ],
    }


def moving(codec, steps):
    """A swarm of forty under a jittering clock; some enter, some leave, some are silent."""
    swarm = Swarm(range(1, 41), 3)
    encoder = encoding.Residuals(codec, *steps, sequence=41)
    encoder.frame(swarm.records())
    frames = key(encoder, records_per_frame=19)
    for time_s in (1 / 60, 0.8 / 60, 1.2 / 60):
        swarm.step(time_s)
        frames.append(coded(encoder.frame(swarm.records(), time_s / 2, time_s / 2)))
    swarm.step(1 / 60)
    swarm.enter(500, 501)
    frames.append(coded(encoder.frame(swarm.records(), 0.0, 1 / 60), CODED | 2))
    for agent in (3, 10, 11, 500):
        encoder.leave(agent)
        del swarm.agents[agent]
    gone = [record(agent, NAN, 0.0, 0.0, 0.0, 0.0, 0.0) for agent in (3, 10, 11, 500)]
    swarm.step(1 / 60)
    frames.append(coded(encoder.frame(swarm.records()[::-1], 1 / 60, 0.0), CODED | agnt.MORE))
    frames.append(plain(*gone))
    swarm.enter(900, 901)
    swarm.step(1 / 60)
    few = [one for one in swarm.records() if one[0] % 3 == 0 or one[0] >= 900]
    frames.append(coded(encoder.frame(few, 1 / 120, 1 / 120)))
    frames.append(coded(encoder.frame([])))
    frames += key(encoder)
    swarm.step(1 / 60)
    frames.append(coded(encoder.frame(swarm.records(), 1 / 120, 1 / 120)))
    return frames


def wrapping(codec, steps):
    """The sequence passes 2^32 - 1."""
    swarm = Swarm((9, 8, 7), 4)
    encoder = encoding.Residuals(codec, *steps, sequence=0xFFFFFFFD)
    encoder.frame(swarm.records())
    frames = key(encoder)
    for _ in range(3):
        swarm.step(0.5)
        frames.append(coded(encoder.frame(swarm.records(), 0.25, 0.25)))
    return frames


def jumping(codec, steps, here, there):
    """Values as far apart as can be, predicted badly on purpose."""
    encoder = encoding.Residuals(codec, *steps)
    frames = key(encoder)
    for a, b in ((0.0, 0.0), (1e9, -1e9), (-3e38, 3e38), (0.5, 1e-40), (0.0, 0.0)):
        frames.append(coded(encoder.frame([record(6, *here), record(7, *there)], a, b)))
        frames.append(coded(encoder.frame([record(6, *there), record(7, *here)], b, a)))
    return frames


def fixeds():
    most = 2.0**30 * STEPS[0]
    here = (most, -most, 0.0, 2 * most, -2 * most, MINUS_ZERO)
    there = (-most, most, MINUS_ZERO, -2 * most, 2 * most, 0.0)
    encoder = encoding.Residuals(FIXED, *STEPS)
    known = [record(1, 1.0, 2.0, 3.0, 0.5, 0.5, 0.5), record(2, 4.0, 5.0, 6.0, 0.25, 0.25, 0.25)]
    encoder.frame(known)
    unfit = key(encoder)
    encoder.leave(2)
    unfit.append(coded(encoder.frame(known[:1]), CODED | agnt.MORE))
    unfit.append(plain(record(2, INFINITY, 5.0, 6.0, 0.0, QUIET, 1e30), record(4, 1e9, 0.0, 0.0, 0.0, 0.0, 0.0)))
    unfit += [coded(encoder.key()[0], KEYED | agnt.MORE)]
    unfit.append(plain(record(2, INFINITY, 5.0, 6.0, 0.0, QUIET, 1e30), flags=agnt.KEYFRAME))
    unfit.append(coded(encoder.frame(known)))
    return {
        "fixed: the key of nothing": key(encoding.Residuals(FIXED, *STEPS, sequence=5)),
        "fixed: forty agents in motion": moving(FIXED, STEPS),
        "fixed: steps of 2 and of an eighth": moving(FIXED, (2.0, 0.125)),
        "fixed: the sequence begins anew at 0": wrapping(FIXED, STEPS),
        "fixed: the greatest and the least values": jumping(FIXED, STEPS, here, there),
        "fixed: records that can't be coded come plain": unfit,
    }


def predicts():
    none = (0.0, 0.0)
    far = (3e38, -3e38, 1.0, -1e-45, MINUS_ZERO, 65535.0)
    odd = (1e-45, NAN, SIGNALLING, MINUS_ZERO, INFINITY, QUIET)
    great = (3.4028234663852886e38, MINUS_INFINITY, 0.1, -3.4028234663852886e38, 1e-45, 0.0)
    encoder = encoding.Residuals(PREDICT)
    encoder.frame([record(1, *great), record(2, *great)])
    bits = key(encoder)
    bits.append(coded(encoder.frame([record(1, *odd), record(3, *great[::-1])], 0.5, 0.5)))
    bits.append(coded(encoder.frame([record(1, *great), record(2, *odd), record(3, *odd)], 2.0, -1.0)))
    bits.append(coded(encoder.frame([record(agent, *(MINUS_ZERO,) * 6) for agent in (1, 2, 3)], 1.0, 1.0)))
    return {
        "predict: the key of nothing": key(encoding.Residuals(PREDICT)),
        "predict: forty agents in motion": moving(PREDICT, none),
        "predict: the sequence begins anew at 0": wrapping(PREDICT, none),
        "predict: far jumps": jumping(PREDICT, none, far, far[::-1]),
        "predict: NaN beyond x, infinities, minus zero": bits,
    }


def refusals():
    """By name: good frames, then one that is refused; what follows it is refused until a FIRST."""
    swarm = Swarm((1, 2, 3, 5), 5)
    encoder = encoding.Residuals(FIXED, *STEPS)
    encoder.frame(swarm.records())
    first = key(encoder)
    swarm.step(1 / 60)
    good = coded(encoder.frame(swarm.records(), 0.0, 1 / 60))
    later = coded(encoder.frame(swarm.records()))
    again = key(encoder)
    rising = struct.pack("<IIII", 1, 1, 0, 1)
    two = coded(good[8:40] + rising + good[48:])
    two = changed(changed(two, RUNS, "<H", 2), COUNT, "<I", 2)
    boxed = coded(encoding.box(swarm.records()))
    shuffled = coded(encoding.shuffle(swarm.records()))
    widths = REST + 8
    alone = {
        "fixed: no key came before": good,
        "fixed: FIRST without KEY": changed(first[0], BITS, "<B", 2),
        "fixed: unknown bits": changed(first[0], BITS, "<B", 7),
        "fixed: a step of 0": changed(first[0], POSITION_STEP, "<f", 0.0),
        "fixed: a step that is no power of two": changed(first[0], POSITION_STEP, "<f", 0.75),
        "fixed: a negative step": changed(first[0], POSITION_STEP, "<f", -0.5),
        "fixed: a step below the normal numbers": changed(first[0], POSITION_STEP, "<I", 0x00400000),
        "fixed: an infinite step": changed(first[0], POSITION_STEP, "<I", INFINITY),
        "fixed: a slot of 2^24": changed(first[0], REST, "<I", 1 << 24),
        "fixed: a slot assigned twice leaves another without": changed(first[0], REST + 8, "<I", 0),
        "fixed: more assignments than bytes": changed(first[0], ASSIGNMENTS, "<I", 0xFFFFFFFF),
        "fixed: half a head": coded(first[0][8:24], KEYED),
        "predict: with steps": changed(first[0], 0, "<B", PREDICT),
        "box: a reserved byte is used": changed(boxed, 3, "<B", 1),
        "box: half a head": coded(boxed[8:30]),
        "box: a count beyond the bytes": changed(boxed, 4, "<I", 0x10000004),
        "box: one byte too many": longer(boxed, b"\0"),
        "box: a step of 0": changed(boxed, 20, "<f", 0.0),
        "box: a NaN for a minimum": changed(boxed, 12, "<I", NAN),
        "box: a negative error": changed(boxed, 32, "<f", -1.0),
        "shuffle: a reserved byte is used": changed(shuffled, 1, "<B", 1),
        "shuffle: half a head": coded(shuffled[8:15]),
        "shuffle: a count beyond the bytes": changed(shuffled, 4, "<I", 0x24924928),
        "shuffle: one byte too few": cut(shuffled, 1),
        "codec 0": changed(shuffled, 0, "<B", 0),
        "codec 5": changed(shuffled, 0, "<B", 5),
        "no codec": coded(b""),
    }
    behind_key = {
        "fixed: one frame missed": later,
        "fixed: a frame twice": changed(good, SEQUENCE, "<I", encoder.sequence - 2),
        "fixed: a key's later frame of another sequence": changed(good, BITS, "<B", 1),
        "fixed: another step than the key's": changed(good, POSITION_STEP, "<f", 1.0),
        "fixed: a NaN for a weight": changed(good, A, "<I", NAN),
        "fixed: a slot that isn't assigned": changed(good, REST, "<I", 1),
        "fixed: slots that don't rise": two,
        "fixed: a run of none": changed(good, REST + 4, "<I", 0),
        "fixed: a run beyond all slots": changed(good, REST + 4, "<I", 0x7FFFFFFF),
        "fixed: a mask without its first slot": changed(good, REST + 4, "<I", 0x8000001E),
        "fixed: a mask that doesn't make the count": changed(good, REST + 4, "<I", 0x80000007),
        "fixed: a count that lies": changed(good, COUNT, "<I", 3),
        "fixed: a count beyond all bytes": changed(good, COUNT, "<I", 0xFFFFFFFF),
        "fixed: a width of 33": changed(good, widths, "<B", 33),
        "fixed: padding used": changed(good, widths + 6, "<B", 1),
        "fixed: bits behind the last residual": changed(good, len(good) - 9, "<B", 0x80),
        "fixed: a word too few": cut(good, 4),
        "fixed: a word too many": longer(good, bytes(4)),
        "predict: another codec than the key's": changed(
            changed(good, 0, "<B", PREDICT), POSITION_STEP, "<Q", 0
        ),
    }
    sequences = {name: [bad] for name, bad in alone.items()}
    sequences |= {name: [*first, bad, good, *again] for name, bad in behind_key.items()}
    sequences["predict: no key came before"] = [changed(changed(good, 0, "<B", PREDICT), POSITION_STEP, "<Q", 0)]
    return {f"refused, {name}": frames for name, frames in sequences.items()}


def decoded(frames):
    """What one decoder makes of each frame of a sequence."""
    decoder, results = encoding.Decoder(), []
    for frame in frames:
        fields, _ = agnt.decode(frame)
        payload = fields["payload"]
        if "encoded" not in payload:
            results.append({"records": payload["records"]})
            continue
        try:
            records = decoder.decode(bytes.fromhex(payload["encoded"]))
        except encoding.Refused as refusal:
            results.append({"refused": str(refusal)})
            continue
        results.append({"records": [fields_of(*one) for one in records]})
    return results


def fields_of(agent, bits):
    return {"id": agent, **dict(zip(agnt.POSITION_KEYS, map(agnt.float_out, bits)))}


def vectors():
    """The content of encodings.json."""
    sequences = {**shuffles(), **boxes(), **fixeds(), **predicts()}
    listed = [vector(name, frames) for name, frames in sequences.items()]
    assert not any("refused" in one for each in listed for one in each["decoded"])
    refused = [vector(name, frames) for name, frames in refusals().items()]
    for each in refused:
        assert any("refused" in one for one in each["decoded"]), each["name"]
    return listed + refused


def vector(name, frames):
    data = b"".join(frames)
    fields, failure = agnt.walk(data)
    assert failure is None and len(fields) == len(frames), name
    return {
        "name": name,
        "hex": data.hex(),
        "frames": fields,
        "error": None,
        "decoded": decoded(frames),
    }
