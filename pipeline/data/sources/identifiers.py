"""Numbers and ids as tools write them: 1, 1.0 and "1" are one value."""

import re
from collections import defaultdict
from collections.abc import Iterable

NUMBER = re.compile(r"\s*(-?\d{1,18})(?:\.0*)?\s*", re.ASCII)


def whole_number(value: object) -> int | None:
    """The whole number that a value of a JSON file says: 64, 64.0 or "64"; None for all others."""
    if isinstance(value, str):
        match = NUMBER.fullmatch(value)
        return int(match.group(1)) if match else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if type(value) is int else None  # True is an int in Python


def is_identifier(value: object) -> bool:
    """Whether a value may be an id: a whole number, or text that says something."""
    return bool(value.strip()) if isinstance(value, str) else whole_number(value) is not None


class Identifiers:
    """The ids of a list, by their values; where a list has 1 and "1", each of them means itself."""

    def __init__(self, ids: Iterable[object]) -> None:
        self.first: dict[object, int] = {}  # position of each id
        self.again: list[tuple[int, int]] = []  # position of each repetition, and of the first
        self.alike: dict[object, list[int]] = defaultdict(list)  # positions of the ids of one value
        for position, value in enumerate(ids):
            first = self.first.setdefault(_exact(value), position)
            if first == position:
                self.alike[_by_value(value)].append(position)
            else:
                self.again.append((position, first))

    def find(self, value: object) -> int | None:
        """The position of the id that `value` means; None if there is none, or several."""
        exact = self.first.get(_exact(value))
        if exact is not None:
            return exact
        alike = self.alike.get(_by_value(value), ())
        return alike[0] if len(alike) == 1 else None

    def in_order(self) -> list[int]:
        """The positions in the order of the ids: numbers, then text."""
        keyed = [(_by_value(value), position) for value, position in self.first.items()]
        return [position for _, position in sorted(keyed, key=lambda pair: (isinstance(pair[0], str), *pair))]


def _exact(value: object) -> object:
    return value if isinstance(value, str) else whole_number(value)


def _by_value(value: object) -> object:
    number = whole_number(value)
    return value.strip() if isinstance(value, str) and number is None else number
