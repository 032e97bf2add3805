"""The encodings of positions in plain Python: a second implementation, written from docs/protocol.md.

It shares no code with the Rust crate in encoding/ and is its oracle: tests/golden/encodings.json is
made by it. It needs the standard library only and favours being read over being fast.

    decoder = Decoder()
    records = decoder.decode(payload)    the payload of one frame with the flag CODEC, without its
                                         channel; raises Refused
    payload = shuffle(records)
    payload = box(records)
    encoder = Residuals(codec, position_step, velocity_step)
    payload = encoder.frame(records, a, b)
    payloads = encoder.key(records_per_frame)

A record is (id, bits): six u32, the bits of x, y, z, vx, vy, vz.

As a program it reads payloads as lines of hex digits from standard input, for one decoder until an
empty line begins another, and writes for each a line of JSON: the list of its records, each a list
of seven numbers, or null if it is refused.
"""

import json
import math
import struct
import sys

SHUFFLE, PREDICT, BOX, FIXED = 1, 2, 3, 4
KEY, FIRST = 1, 2
MASK = 1 << 31
SLOTS_MAX = 1 << 24
FIXED_MAX = 1 << 30
BLOCK = 32
# The order in which a frame holds the components of a record: velocities, then positions.
ORDER = (3, 4, 5, 0, 1, 2)
ZERO = (0, 0, 0, 0, 0, 0)


class Refused(Exception):
    """Why a payload breaks a rule."""


def expect(holds, why):
    if not holds:
        raise Refused(why)


def float_of(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(value):
    """The bits of a binary64 rounded once to binary32."""
    try:
        return struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError:
        return 0x7F800000 if value > 0 else 0xFF800000


def rounded(value):
    """A binary64 rounded to binary32."""
    return float_of(bits_of(value))


def signed(value):
    """The i32 of a number modulo 2^32."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value & MASK else value


def ordered(bits):
    """The i32 of the bits of a binary32, in the order of the floats."""
    return bits if bits < MASK else -1 - (bits - MASK)


def unordered(number):
    return number if number >= 0 else (-1 - number) + MASK


# Codec 1


def shuffle(records):
    rows = [struct.pack("<7I", agent, *bits) for agent, bits in records]
    planes = [bytes(row[plane] for row in rows) for plane in range(28)]
    return struct.pack("<BxxxI", SHUFFLE, len(records)) + b"".join(planes)


def unshuffle(payload):
    expect(len(payload) >= 8, "no head")
    expect(payload[1:4] == bytes(3), "reserved bytes used")
    (count,) = struct.unpack_from("<I", payload, 4)
    expect(len(payload) == 8 + 28 * count, "length")
    records = []
    for index in range(count):
        row = bytes(payload[8 + plane * count + index] for plane in range(28))
        agent, *bits = struct.unpack("<7I", row)
        records.append((agent, tuple(bits)))
    return records


# Codec 3


def box(records):
    """Codes finite records; the steps are those of the specification, rounded up to binary32."""
    values = [[float_of(bits) for bits in record[1]] for record in records]
    low = [min((row[axis] for row in values), default=0.0) for axis in range(3)]
    sides = [max((row[axis] for row in values), default=0.0) - low[axis] for axis in range(3)]
    fastest = max((abs(row[axis]) for row in values for axis in (3, 4, 5)), default=0.0)
    step, velocity_step = (above(side / most) for side, most in ((max(sides), 65535), (fastest, 32767)))
    columns, errors = [[] for _ in range(6)], [0.0, 0.0]
    for row in values:
        for axis in range(3):
            number = round((row[axis] - low[axis]) / step)
            columns[axis].append(number)
            errors[0] = max(errors[0], abs(rounded(low[axis] + number * step) - row[axis]))
            number = round(row[3 + axis] / velocity_step)
            columns[3 + axis].append(number)
            errors[1] = max(errors[1], abs(rounded(number * velocity_step) - row[3 + axis]))
    head = struct.pack("<BxxxI3f", BOX, len(records), *low)
    head += struct.pack("<4f", step, velocity_step, *map(above, errors))
    ids = [struct.pack("<I", agent) for agent, _ in records]
    places = [struct.pack("<H", number) for column in columns[:3] for number in column]
    speeds = [struct.pack("<h", number) for column in columns[3:] for number in column]
    return head + b"".join(ids + places + speeds)


def above(value):
    """The least positive normal binary32 that isn't below the value."""
    bits = bits_of(value)
    if float_of(bits) < value:
        bits += 1
    return max(float_of(bits), 2.0**-126)


def unbox(payload):
    expect(len(payload) >= 36, "no head")
    expect(payload[1:4] == bytes(3), "reserved bytes used")
    count, *head = struct.unpack_from("<I7f", payload, 4)
    low, step, velocity_step, errors = head[:3], head[3], head[4], head[5:]
    expect(all(map(math.isfinite, head)), "not finite")
    expect(step > 0 and velocity_step > 0, "a step that isn't positive")
    expect(errors[0] >= 0 and errors[1] >= 0, "a negative error")
    expect(len(payload) == 36 + 16 * count, "length")
    ids = struct.unpack_from(f"<{count}I", payload, 36)
    places = struct.unpack_from(f"<{3 * count}H", payload, 36 + 4 * count)
    speeds = struct.unpack_from(f"<{3 * count}h", payload, 36 + 10 * count)
    records = []
    for index, agent in enumerate(ids):
        place = [bits_of(low[axis] + places[axis * count + index] * step) for axis in range(3)]
        speed = [bits_of(speeds[axis * count + index] * velocity_step) for axis in range(3)]
        records.append((agent, tuple(place + speed)))
    return records


# Codecs 2 and 4


def predicted(codec, steps, a, b, place, old, new):
    """What the reference (place, old) says of one axis whose new velocity is known."""
    if codec == FIXED:
        position_step, velocity_step = steps
        weight_old = (a * velocity_step) / position_step
        weight_new = (b * velocity_step) / position_step
        shift = math.floor((weight_old * old) + (weight_new * new) + 0.5)
        return signed(place + min(max(shift, -(2**31)), 2**31 - 1))
    p, u, w = (float_of(unordered(number)) for number in (place, old, new))
    if not all(map(math.isfinite, (p, u, w))):
        return place
    bits = bits_of((p + a * u) + b * w)
    return ordered(bits) if math.isfinite(float_of(bits)) else place


def numbers_of(codec, steps, bits):
    """The six i32 of a record, or None if it can't be coded."""
    if codec == PREDICT:
        return None if math.isnan(float_of(bits[0])) else tuple(map(ordered, bits))
    numbers = []
    for axis, one in enumerate(bits):
        value = float_of(one) / steps[axis // 3]
        if not math.isfinite(value) or abs(value) > FIXED_MAX + 0.5:
            return None
        numbers.append(math.floor(value + 0.5))
    return tuple(numbers) if all(abs(one) <= FIXED_MAX for one in numbers) else None


def bits_of_numbers(codec, steps, numbers):
    if codec == PREDICT:
        return tuple(map(unordered, numbers))
    return tuple(bits_of(number * steps[axis // 3]) for axis, number in enumerate(numbers))


def entries_of(slots):
    """Rising slots as entries (first, what): runs, and masks where they hold more."""
    entries, at = [], 0
    while at < len(slots):
        first = slots[at]
        run = 1
        while at + run < len(slots) and slots[at + run] == first + run:
            run += 1
        near = [slot - first for slot in slots[at : at + 31] if slot - first < 31]
        if len(near) > run:
            entries.append((first, MASK | sum(1 << offset for offset in near)))
            at += len(near)
        else:
            entries.append((first, run))
            at += run
    return entries


class Residuals:
    """The encoder of codecs 2 and 4. It does what it is told: who can't be coded is not its matter."""

    def __init__(self, codec, position_step=0.0, velocity_step=0.0, sequence=0):
        self.codec, self.steps = codec, (position_step, velocity_step)
        self.sequence = sequence
        self.slots = {}
        self.free = []
        self.table = {}

    def leave(self, agent):
        """Frees the slot of an agent; the next new one gets it."""
        slot = self.slots.pop(agent)
        del self.table[slot]
        self.free.append(slot)

    def frame(self, records, a=0.0, b=0.0):
        """Codes records of different agents as the next frame."""
        self.sequence = (self.sequence + 1) & 0xFFFFFFFF
        assigned, coded = [], []
        for agent, bits in records:
            if agent not in self.slots:
                slot = self.free.pop() if self.free else len(self.table)
                self.slots[agent] = slot
                self.table[slot] = (agent, ZERO)
                assigned.append((slot, agent))
            coded.append((self.slots[agent], numbers_of(self.codec, self.steps, bits)))
        return self._payload(0, assigned, sorted(coded), rounded(a), rounded(b))

    def key(self, records_per_frame=1000):
        """All slots as they are, against nothing; the frames of one key."""
        slots = sorted(self.table)
        parts = [slots[at : at + records_per_frame] for at in range(0, len(slots), records_per_frame)]
        payloads = []
        for index, part in enumerate(parts or [[]]):
            rows = [(slot, self.table[slot][1]) for slot in part]
            assigned = [(slot, self.table[slot][0]) for slot in part]
            for slot in part:
                self.table[slot] = (self.table[slot][0], ZERO)
            payloads.append(self._payload(KEY if index else KEY | FIRST, assigned, rows, 0.0, 0.0))
        return payloads

    def _payload(self, bits, assigned, rows, a, b):
        columns = [[] for _ in range(6)]
        for slot, numbers in rows:
            agent, reference = self.table[slot]
            for axis in range(3):
                old, new = reference[3 + axis], numbers[3 + axis]
                guess = predicted(self.codec, self.steps, a, b, reference[axis], old, new)
                columns[axis].append(signed(numbers[axis] - guess))
                columns[3 + axis].append(signed(new - old))
            self.table[slot] = (agent, numbers)
        entries = entries_of([slot for slot, _ in rows])
        head = struct.pack("<BBHIII", self.codec, bits, len(entries), self.sequence, len(rows), len(assigned))
        head += struct.pack("<4f", a, b, *self.steps)
        pairs = b"".join(struct.pack("<II", *pair) for pair in assigned + entries)
        widths, words = bytearray(), bytearray()
        for component in ORDER:
            for at in range(0, len(rows), BLOCK):
                block = [zigzag(one) for one in columns[component][at : at + BLOCK]]
                width = max(one.bit_length() for one in block)
                widths.append(width)
                packed = sum(one << (index * width) for index, one in enumerate(block))
                words += packed.to_bytes(4 * -(-len(block) * width // 32), "little")
        return head + pairs + widths + bytes(-len(head + pairs + widths) % 4) + words


def zigzag(number):
    return ((number << 1) ^ (number >> 31)) & 0xFFFFFFFF


def unzigzag(number):
    return signed((number >> 1) ^ -(number & 1))


class Decoder:
    """The decoder of all codecs: one for each connection or channel."""

    def __init__(self):
        self.sequence = None
        self.form = None
        self.table = {}

    def decode(self, payload):
        """The records of a frame, in its order."""
        expect(payload, "no codec")
        if payload[0] == SHUFFLE:
            return unshuffle(payload)
        if payload[0] == BOX:
            return unbox(payload)
        expect(payload[0] in (PREDICT, FIXED), "unknown codec")
        try:
            return self._residuals(payload)
        except Refused:
            self.sequence = None
            raise

    def _residuals(self, payload):
        expect(len(payload) >= 32, "no head")
        codec, bits, runs, sequence, count, assignments = struct.unpack_from("<BBHIII", payload)
        a, b, *steps = struct.unpack_from("<4f", payload, 16)
        step_bits = struct.unpack_from("<2I", payload, 24)
        expect(bits in (0, KEY, KEY | FIRST), "unknown bits")
        expect(math.isfinite(a) and math.isfinite(b), "a weight that isn't finite")
        for one in step_bits:
            is_power = one & 0x807FFFFF == 0 and 0 < one < 0x7F800000
            expect(is_power if codec == FIXED else one == 0, "a step that isn't allowed")
        if bits & FIRST:
            self.table, self.form = {}, (codec, *step_bits)
        else:
            expect(self.sequence is not None, "no key")
            expect(self.form == (codec, *step_bits), "another codec or step than the key's")
            due = self.sequence if bits & KEY else (self.sequence + 1) & 0xFFFFFFFF
            expect(sequence == due, "out of sequence")
        widths_at = 32 + 8 * assignments + 8 * runs
        blocks = -(-count // BLOCK)
        words_at = -(-(widths_at + 6 * blocks) // 4) * 4
        expect(len(payload) >= words_at, "length")
        for index in range(assignments):
            slot, agent = struct.unpack_from("<II", payload, 32 + 8 * index)
            expect(slot < SLOTS_MAX, "a slot beyond 2^24")
            self.table[slot] = (agent, ZERO)
        slots = self._slots(payload, 32 + 8 * assignments, runs)
        expect(len(slots) == count, "runs that don't make the count")
        expect(not any(payload[widths_at + 6 * blocks : words_at]), "padding used")
        columns = residuals(payload, count, payload[widths_at : widths_at + 6 * blocks], words_at)
        records = []
        for index, slot in enumerate(slots):
            agent, reference = self.table[slot]
            place, speed = [], []
            for axis in range(3):
                old = reference[3 + axis]
                new = signed(old + columns[3 + axis][index])
                guess = predicted(codec, steps, a, b, reference[axis], old, new)
                speed.append(new)
                place.append(signed(guess + columns[axis][index]))
            self.table[slot] = (agent, tuple(place + speed))
            records.append((agent, bits_of_numbers(codec, steps, place + speed)))
        self.sequence = sequence
        return records

    def _slots(self, payload, at, runs):
        slots = []
        for index in range(runs):
            first, what = struct.unpack_from("<II", payload, at + 8 * index)
            if what & MASK:
                expect(what & 1, "a mask without its first slot")
                named = [first + offset for offset in range(31) if what >> offset & 1]
            else:
                expect(what >= 1, "a run of none")
                expect(first + what <= SLOTS_MAX, "a slot beyond 2^24")
                named = range(first, first + what)
            expect(not slots or named[0] > slots[-1], "slots that don't rise")
            for slot in named:
                expect(slot in self.table, "a slot that isn't assigned")
                slots.append(slot)
        return slots


def residuals(payload, count, widths, at):
    """The residuals of each component, in the order of a record, from the words at the end."""
    columns = [[] for _ in range(6)]
    widths = iter(widths)
    for component in ORDER:
        for start in range(0, count, BLOCK):
            size, width = min(BLOCK, count - start), next(widths)
            expect(width <= 32, "a width beyond 32")
            length = 4 * -(-size * width // 32)
            expect(at + length <= len(payload), "length")
            packed = int.from_bytes(payload[at : at + length], "little")
            expect(packed >> (size * width) == 0, "bits behind the last residual")
            mask = (1 << width) - 1
            block = [packed >> (index * width) & mask for index in range(size)]
            columns[component] += map(unzigzag, block)
            at += length
    expect(at == len(payload), "length")
    return columns


def main():
    decoder = Decoder()
    for line in map(str.strip, sys.stdin):
        if line == "":
            decoder = Decoder()
            continue
        try:
            records = decoder.decode(bytes.fromhex(line))
        except Refused:
            print("null")
        else:
            print(json.dumps([[agent, *bits] for agent, bits in records]))


if __name__ == "__main__":
    main()
