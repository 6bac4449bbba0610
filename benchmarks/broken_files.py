"""Breaks the content of a file as chance says."""

import json
from typing import Any

from numpy.random import Generator

from tests.data.test_fuzz import TOKENS, paths_of, replaced

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**40,
    1e300,
    "",
    "x" * 3000,
    "../a",
    "/etc/passwd",
    "\ud800",
    [],
    {},
)
VALUES += ([[]], [[1, 2]], [1e9] * 8, {"a": [None]}, "nan", 10**400, ["a", 1], "a/../../b.jpg")


def break_bytes(content: bytes, rng: Generator) -> bytes:
    """One to four places are changed."""
    broken = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        start, length = int(rng.integers(len(broken) + 1)), int(rng.integers(1, 20))
        match int(rng.integers(5)):
            case 0:
                broken[start : start + length * int(rng.integers(2))] = TOKENS[int(rng.integers(len(TOKENS)))]
            case 1:
                del broken[start : start + length]
            case 2:
                broken[start:start] = broken[start : start + length]
            case 3:
                broken[start : start + length] = rng.bytes(length)
            case _:
                if rng.random() < 0.2:
                    del broken[start:]
                elif start < len(broken):
                    broken[start] ^= 1 << int(rng.integers(8))
    return bytes(broken)


def break_json(content: bytes, rng: Generator) -> bytes:
    """One to three values are others."""
    document = json.loads(content)
    for _ in range(rng.integers(1, 4)):
        places = paths_of(document)
        document = replaced(
            document, places[int(rng.integers(len(places)))], VALUES[int(rng.integers(len(VALUES)))]
        )
    return json.dumps(document).encode("utf-8", "replace")
