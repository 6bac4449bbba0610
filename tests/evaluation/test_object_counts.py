"""Objects that are found and objects that are invented, on masks drawn by hand."""

import numpy as np
import pytest

from pipeline.evaluation.object_counts import object_counts


def ids(*rows: str) -> np.ndarray:
    """A mask: a digit is an id, `.` is background, `?` is open."""
    values = {".": 0, "?": 255}
    return np.array(
        [[values.get(sign) or (0 if sign == "." else int(sign)) for sign in r] for r in rows], np.uint8
    )


TRUTH = ids(
    "11...22",
    "..1....",
    ".....1?",
    "1....1?",
)


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        # Corners touch: 1 has three objects, of which none, one, or all are found.
        (ids(".......", ".......", ".......", "......."), [(0, 3, 0), (0, 1, 0)]),
        (ids(".......", "..1....", ".......", "......."), [(1, 3, 0), (0, 1, 0)]),
        (ids("1111111", "1111111", "1111111", "1111111"), [(3, 3, 0), (0, 1, 0)]),
        (
            ids("1......", ".......", ".2...1.", "1.2...."),
            [(3, 3, 0), (0, 1, 1)],
        ),  # one false 2, corners touch
        (ids(".....22", ".......", "......1", "..1...."), [(0, 3, 1), (1, 1, 0)]),  # 1 on an open pixel
        (ids(".....11", ".......", ".......", "......."), [(0, 3, 1), (0, 1, 0)]),  # the wrong class
    ],
)
def test_counts_by_hand(prediction: np.ndarray, expected: list[tuple[int, int, int]]) -> None:
    assert object_counts(TRUTH, prediction, 3).tolist() == [[0, 0, 0], *map(list, expected)]


def test_the_counts_of_two_images_add_up() -> None:
    prediction = ids("1......", "......2", ".......", "1......")
    both = object_counts(
        np.pad(np.concatenate([TRUTH, TRUTH * 0, TRUTH]), 1), np.pad(np.concatenate([prediction] * 3), 1), 3
    )
    empty = object_counts(TRUTH * 0, prediction, 3)
    assert empty.tolist() == [[0, 0, 0], [0, 0, 2], [0, 0, 1]]
    twice = 2 * object_counts(TRUTH, prediction, 3)
    assert both[2].tolist() == (twice + empty)[2].tolist()
