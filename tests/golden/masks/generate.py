"""Writes masks.json: draws of mask scheme 1 by plain Python integers, independent of src/key.rs.

    python3 tests/golden/masks/generate.py

64-bit numbers are strings in the JSON, since many readers of JSON take numbers for doubles.
"""

import hashlib
import json
import math
import struct
from fractions import Fraction
from pathlib import Path

LOW = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & LOW, (p >> 32) ^ c[3] ^ k[1], p & LOW]
        k = [(k[0] + 0x9E3779B9) & LOW, (k[1] + 0xBB67AE85) & LOW]
    return c


# Random123's kat_vectors: the only numbers here that we did not compute.
PHILOX = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([LOW] * 4, [LOW] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]
for counter, key, out in PHILOX:
    assert philox(counter, key) == out


def split(n):
    return [n & LOW, n >> 32]


def fold(key, n):
    return philox([*split(n), 0, 0xF01D0001], key)[:2]


def fold_str(key, s):
    data = s.encode()
    for start in range(0, max(len(data), 1), 8):
        word = int.from_bytes(data[start : start + 8], "little")  # zero-padded at the end
        key = philox([*split(word), len(data), 0xF01D0002], key)[:2]
    return key


def site(path):
    """The hash of a dotted path; the root's is 0."""
    key = split(0)
    for segment in path.split(".") if path else []:
        key = fold_str(key, segment)
    return key[0] | key[1] << 32


def draw_key(seed, path):
    return fold(split(seed), site(path))


def bernoulli(key, rate, row, width):
    """The bits of a row, and how many of them the second draw decided."""
    threshold = math.floor(Fraction(1.0 - rate) * 2**40 + Fraction(1, 2))  # half up is half away from zero here
    low, high = split(threshold)
    bits, ties, block = [], 0, None
    for i in range(width):
        if i % 16 == 0:
            # The bytes of the four words in order of memory.
            block = struct.pack("<4I", *philox([i // 16, *split(row), 1], key))
        byte = block[i % 16]
        tie = byte == high
        ties += tie
        bits.append(int(byte < high or (tie and philox([i // 4, *split(row), 2], key)[i % 4] < low)))
    return bits, ties


def uniform(key, row, width):
    words = (philox([i // 4, *split(row), 3], key)[i % 4] for i in range(width))
    return [((word >> 9) + 0.5) * 2.0**-23 for word in words]


def to_f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def normal(key, row, width):
    values = []
    for i in range(width):
        u = [(word + 0.5) * 2.0**-32 for word in philox([i // 4, *split(row), 4], key)]
        a, b = u[:2] if i % 4 < 2 else u[2:]
        z = math.sqrt(-2 * math.log(a)) * (math.cos, math.sin)[i % 2](2 * math.pi * b)
        # So far from the middle between two f32 that any math library rounds to the same one.
        assert to_f32(z) == to_f32(z * (1 + 1e-12)) == to_f32(z * (1 - 1e-12))
        values.append(to_f32(z))
    return values


def bernoulli_case(seed, path, rate, first_row, rows, width):
    key = draw_key(seed, path)
    bits = [bit for row in range(rows) for bit in bernoulli(key, rate, first_row + row, width)[0]]
    where = {"seed": str(seed), "path": path, "rate": rate, "first_row": str(first_row), "rows": rows, "width": width}
    return where | {"bits": "".join(map(str, bits))}


def long_case(seed, path, rate, first_row, width):
    bits, ties = bernoulli(draw_key(seed, path), rate, first_row, width)
    # Else the second draw would go untested; and the kept share is within five standard deviations of its mean.
    assert ties > 0
    assert abs(sum(bits) - width * (1 - rate)) < 5 * math.sqrt(width * rate * (1 - rate))
    where = {"seed": str(seed), "path": path, "rate": rate, "first_row": str(first_row), "rows": 1, "width": width}
    return where | {"sha256": hashlib.sha256(bytes(bits)).hexdigest(), "ones": sum(bits), "ties": ties}


def float_case(law, seed, path, first_row):
    key = draw_key(seed, path)
    values = [law(key, first_row + row, 10) for row in range(2)]
    return {"seed": str(seed), "path": path, "first_row": str(first_row), "rows": 2, "width": 10, "values": values}


def fold_case(seed, *ns):
    key = split(seed)
    for n in ns:
        key = fold(key, n)
    return {"seed": str(seed), "n": [str(n) for n in ns], "key": key}


U64_MAX = 2**64 - 1
PATHS = ["", "dropout", "input_dropout", "layers.0.dropout", "layers.1.dropout", "blocks.12.attention.dropout", "größe"]
FLOAT_CASES = [(0, "", 0), (7, "layers.0.dropout", 3), (U64_MAX, "noise", 2**32 + 5)]

if __name__ == "__main__":
    golden = {
        "philox": [{"counter": counter, "key": key, "out": out} for counter, key, out in PHILOX],
        # Folded by each number of `n` in turn.
        "fold": [fold_case(seed, n) for seed in [0, 42, U64_MAX] for n in [0, 1, 2**32, U64_MAX]]
        + [fold_case(7, 0, 1, 2), fold_case(7, 2, 1, 0), fold_case(0x123456789ABCDEF0, 2**32 + 5, 3)],
        "fold_str": [
            {"seed": str(seed), "s": s, "key": fold_str(split(seed), s)}
            for seed in [0, 0x123456789ABCDEF0]
            for s in ["", "a", "a\0", "dropout", "8 bytes.", "9 bytes..", "exactly 16 bytes", "größe 東京"]
        ],
        "site": [{"path": path, "hash": str(site(path))} for path in PATHS],
        "bernoulli": [
            bernoulli_case(seed, path, rate, first_row, 3, width)
            for seed, path, first_row in [(0, "dropout", 0), (7, "layers.0.dropout", 3), (U64_MAX, "", 2**32 + 5)]
            for rate in [0.0, 0.05, 0.2, 0.5, 0.9, 0.999]
            for width in [1, 11, 16, 17, 50]
        ]
        + [bernoulli_case(7, "dropout", 0.5, 2**32 - 1, 2, 17)],  # the row's number grows out of its low word
        "bernoulli_long": [long_case(7, "dropout", 0.2, 0, 10**5), long_case(8, "dropout", 0.3, 2**32 + 5, 10**5)],
        "uniform": [float_case(uniform, *case) for case in FLOAT_CASES],
        "normal": [float_case(normal, *case) for case in FLOAT_CASES],
    }
    assert site("") == 0 and site("layers.0") != site("layers0")
    assert all(0 < u < 1 and to_f32(u) == u for case in golden["uniform"] for row in case["values"] for u in row)

    sections = (f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]" for name, cases in golden.items())
    Path(__file__).with_name("masks.json").write_text("{\n" + ",\n".join(sections) + "\n}\n")
