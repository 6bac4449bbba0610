"""F1 with two pixels of tolerance beside thin things, and with none beside thick ones."""

import numpy as np
import pytest

from pipeline.evaluation.class_scores import score_classes
from pipeline.evaluation.confusion import confusion_matrix
from pipeline.evaluation.tolerant_f1 import thin_parts, tolerant_counts, tolerant_f1


def line(column: int, width: int = 3, value: int = 1) -> np.ndarray:
    """A line from top to bottom of 30 x 40 pixels."""
    mask = np.zeros((30, 40), np.uint8)
    mask[:, column : column + width] = value
    return mask


@pytest.mark.parametrize(
    ("width", "shift", "expected"),
    [
        (3, 0, 1.0),
        (3, 2, 1.0),  # each pixel lies at most 2 from one of the other line
        (3, 3, 2 / 3),  # columns 0, 1, 2 and 3, 4, 5: two of three lie at most 2 apart
        (3, 5, 0.0),
        (7, 2, 1.0),
        (8, 2, 6 / 8),  # a square of 8 pixels fits: no tolerance
        (12, 2, 10 / 12),
    ],
)
def test_shifted_lines(width: int, shift: int, expected: float) -> None:
    counts = tolerant_counts(line(10, width), line(10 + shift, width), 2)
    assert tolerant_f1(counts)[1] == pytest.approx(expected)


def test_a_wide_prediction_beside_a_thin_line_is_wrong_from_the_third_pixel() -> None:
    # 20 columns, of which 3 + 2 + 2 lie on the line or at most 2 from it; all of the line is found.
    counts = tolerant_counts(line(15), line(10, 20), 2)
    assert counts[1].tolist() == [30 * 7, 30 * 20, 30 * 3, 30 * 3]
    assert tolerant_f1(counts)[1] == pytest.approx(2 * 0.35 / 1.35)


def test_parts_are_thin_one_by_one() -> None:
    mask = line(2) + line(20, 9)
    np.testing.assert_array_equal(thin_parts(mask > 0), line(2) > 0)
    joined = mask.copy()
    joined[5, :] = 1  # one part now: a square fits in it
    assert not thin_parts(joined > 0).any()


@pytest.mark.parametrize("seed", range(3))
def test_thick_things_have_the_plain_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = np.kron(rng.integers(0, 3, (3, 4)), np.ones((10, 10), int)).astype(np.uint8)
    predicted = rng.integers(0, 3, true.shape).astype(np.uint8)
    true[rng.random(true.shape) < 0] = 255
    plain = score_classes(confusion_matrix(true, predicted, 3))["f1"]
    np.testing.assert_allclose(tolerant_f1(tolerant_counts(true, predicted, 3))[1:], plain[1:])


def test_open_pixels_and_missing_labels() -> None:
    truth = line(10)
    truth[:, 20:] = 255
    scores = tolerant_f1(tolerant_counts(truth, line(10) + line(25) * 2, 4))
    assert scores[1] == 1
    assert np.isnan(scores[2:]).all(), "predicted on open pixels only, and nowhere"
    missed = tolerant_f1(tolerant_counts(line(10), line(10) * 0, 2))
    assert missed[1] == 0
    invented = tolerant_f1(tolerant_counts(line(10) * 0, line(10), 2))
    assert np.isnan(invented[1])
