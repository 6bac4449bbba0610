"""A few of many."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def spaced(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the items, evenly spaced from the first to the last."""
    count = min(most, len(items))
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]
