"""Splits and orders from named random streams: BLAKE3 (`pip install blake3`) keys ChaCha8, which shuffles.

Prints the orders that `worker/tests/data/split.rs` expects.
"""

import struct

from blake3 import blake3

MASK = 0xFFFFFFFF


def rotate(value, bits):
    return ((value << bits) | (value >> (32 - bits))) & MASK


def quarter(s, a, b, c, d):
    """The quarter round (Bernstein 2008, ChaCha, a variant of Salsa20)."""
    for to, by, mixed, bits in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
        s[to] = (s[to] + s[by]) & MASK
        s[mixed] = rotate(s[mixed] ^ s[to], bits)


def chacha8(key):
    """The key stream as words of 64 bits: counter of 64 bits from 0, nonce 0."""
    constants = struct.unpack("<4I", b"expand 32-byte k")
    counter = 0
    while True:
        start = [*constants, *struct.unpack("<8I", key), counter & MASK, counter >> 32, 0, 0]
        s = list(start)
        for _ in range(4):
            for column in range(4):
                quarter(s, column, 4 + column, 8 + column, 12 + column)
            for shift in range(4):
                quarter(s, shift, 4 + (shift + 1) % 4, 8 + (shift + 2) % 4, 12 + (shift + 3) % 4)
        words = [(x + y) & MASK for x, y in zip(s, start)]
        yield from (low | high << 32 for low, high in zip(words[::2], words[1::2]))
        counter += 1


def stream(purpose, numbers):
    hasher = blake3(derive_key_context="splitsweep random stream 1")
    hasher.update(struct.pack("<Q", len(purpose)) + purpose.encode())
    hasher.update(b"".join(struct.pack("<Q", number) for number in numbers))
    return chacha8(hasher.digest())


def below(words, bound):
    """Lemire 2019, arXiv 1805.10941."""
    while True:
        product = next(words) * bound
        if product % 2**64 >= 2**64 % bound:
            return product >> 64


def shuffled(items, words):
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        other = below(words, last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def rotation(cases, block, split_seed):
    """Train, validation and test of a rotation of four blocks: block t is tested, the one before it validates."""
    pool = sorted(shuffled(range(cases), stream("rotation pool", []))[: 4 * block])
    permutation, turn = divmod(split_seed, 4)
    order = shuffled(pool, stream("rotation", [permutation]))
    blocks = [order[block * i : block * (i + 1)] for i in range(4)]
    return blocks[(turn + 1) % 4] + blocks[(turn + 2) % 4], blocks[(turn + 3) % 4], blocks[turn]


def kfold(cases, folds, validation, split_seed):
    """Train, validation and test: fold t is tested, the cases before it validate, the others train."""
    permutation, turn = divmod(split_seed, folds)
    order = shuffled(range(cases), stream("kfold", [permutation]))
    start, stop = -(-turn * cases // folds), -(-(turn + 1) * cases // folds)
    rest = order[stop:] + order[:start]
    train = len(rest) - validation
    return rest[:train], rest[train:], order[start:stop]


def grouped(groups, sizes, split_seed):
    """Train, validation and test of whole groups: a group goes into a subset as long as that brings it nearer to its size."""
    units = [[case for case, group in enumerate(groups) if group == number] for number in range(max(groups) + 1)]
    order = [units[unit] for unit in shuffled(range(len(units)), stream("split", [split_seed]))]
    subsets, last = [], 2 if sum(sizes) == len(groups) else None
    for place, size in enumerate(sizes):
        subset = []
        while order and (not subset or place == last or abs(len(subset) + len(order[0]) - size) <= abs(len(subset) - size)):
            subset += order.pop(0)
        subsets.append(subset)
    return subsets


def split_hash(content, *subsets):
    text = b"splitsweep split 1\n%032x\n" % content
    for subset in subsets:
        text += struct.pack("<Q", len(subset)) + b"".join(struct.pack("<I", case) for case in sorted(subset))
    return blake3(text).digest()[:16].hex()


if __name__ == "__main__":
    print("10 cases, split seed 0:", shuffled(range(10), stream("split", [0])))
    print("200 cases, split seed 3, the first ten:", shuffled(range(200), stream("split", [3]))[:10])
    for cases in [8, 10]:
        print(cases, "cases, blocks of 2, split seed 5:", sum(rotation(cases, 2, 5), []))
    print("11 cases, 3 folds, 2 validate, split seed 4:", kfold(11, 3, 2, 4))
    print("groups 0 0 1 2 2 2 3 4 4 5, 5 + 2 + 3 cases, split seed 1:", grouped([0, 0, 1, 2, 2, 2, 3, 4, 4, 5], [5, 2, 3], 1))
    print("hash of the split [3, 1] [0] [2] of content 7:", split_hash(7, [3, 1], [0], [2]))
