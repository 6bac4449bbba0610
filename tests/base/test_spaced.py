"""A few of many."""

import pytest

from pipeline.base.spaced import spaced


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 3, []), (3, 5, [0, 1, 2]), (3, 3, [0, 1, 2]), (10, 1, [0]), (10, 2, [0, 9]), (11, 3, [0, 5, 10])],
)
def test_by_hand(count: int, most: int, expected: list[int]) -> None:
    assert spaced(list(range(count)), most) == expected
