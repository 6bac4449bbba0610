"""Texts and numbers that count how often they are compared, to tell work that grows with the square."""

from pathlib import Path
from typing import Any, ClassVar

PER_ITEM = 60  # looks at an item, at most, however many there are


class Counter:
    """Counts looks at the objects of the classes below, together."""

    looks: ClassVar[int] = 0

    def __eq__(self, other: object) -> Any:
        Counter.looks += 1
        return super().__eq__(other)

    def __hash__(self) -> int:
        Counter.looks += 1
        return super().__hash__()


class CountedText(Counter, str):
    pass


class CountedNumber(Counter, int):
    pass


class CountedPath(Counter, type(Path())):  # type: ignore[misc]  # the class for this system
    pass
