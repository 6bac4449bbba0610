"""Where heat lies: by hand on small maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.localisation import REGIONS, heat_shares, pointing_hit


def example(height: int = 10, width: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """No heat, and ground truth: class 1 in rows 4-5, columns 8-11, class 2 in rows 4-5, columns 14-15."""
    ground_truth = np.zeros((height, width), np.uint8)
    ground_truth[4:6, 8:12] = 1
    ground_truth[4:6, 14:16] = 2
    return np.zeros((height, width), np.float32), ground_truth


def shares(heat: np.ndarray, ground_truth: np.ndarray, label: int = 1) -> dict[str, float]:
    return dict(zip(REGIONS, heat_shares(heat, ground_truth, label).tolist(), strict=True))


def test_shares_by_hand() -> None:
    heat, ground_truth = example()
    heat[4, 8] = 4  # the object
    heat[5, 15] = 2  # the other class
    heat[1, 3] = 1  # 15 % from the top and 17.5 % from the left: a corner
    heat[0, 10] = 1  # 5 % from the top, half way across: the border
    heat[4, 4] = 2  # 22.5 % from the left: elsewhere
    expected = {"object": 0.4, "other classes": 0.2, "corners": 0.1, "border": 0.1, "elsewhere": 0.2}
    assert shares(heat, ground_truth) == pytest.approx(expected)


def test_seen_from_the_other_class() -> None:
    heat, ground_truth = example()
    heat[4, 8], heat[5, 15] = 3, 1
    assert shares(heat, ground_truth, 2) == pytest.approx(
        {"object": 0.25, "other classes": 0.75, "corners": 0, "border": 0, "elsewhere": 0}
    )


def test_objects_at_the_frame_are_objects() -> None:
    heat, ground_truth = example()
    ground_truth[0, 0], heat[0, 0] = 1, 1
    assert shares(heat, ground_truth)["object"] == 1


def test_unknown_pixels_count_nowhere() -> None:
    heat, ground_truth = example()
    heat[4, 8], heat[4, 9], ground_truth[4, 9] = 1, 5, 255
    assert shares(heat, ground_truth)["object"] == 1


def test_no_heat_has_no_shares() -> None:
    assert np.isnan(heat_shares(*example(), 1)).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        heat_shares(np.zeros((2, 3)), np.zeros((3, 2), np.uint8), 1)


@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_scale_and_mirror_change_nothing(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    heat, ground_truth = rng.random((7, 12)), rng.choice([0, 0, 1, 2, 255], (7, 12)).astype(np.uint8)
    result = heat_shares(heat, ground_truth, 1)
    assert result.sum() == pytest.approx(1)
    assert heat_shares(scale * heat, ground_truth, 1) == pytest.approx(result)
    assert heat_shares(heat[:, ::-1], ground_truth[:, ::-1], 1) == pytest.approx(result)
    assert heat_shares(heat.T, ground_truth.T, 1) == pytest.approx(result)


@pytest.mark.parametrize(("column", "expected"), [(50, True), (62, True), (63, False)])
def test_pointing_game_forgives_three_percent(column: int, expected: bool) -> None:
    heat, ground_truth = np.zeros((60, 100)), np.zeros((60, 100), np.uint8)
    ground_truth[30, 40:60] = 2  # up to column 59; 3 % of 100 pixels: up to column 62
    heat[30, column] = 1
    assert pointing_hit(heat, ground_truth, 2) is expected
    assert not pointing_hit(heat, ground_truth, 1)  # no such object
