"""From diagnoses on single images to suspicions, with numbers worked out by hand."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.evaluation.diagnosis import FEWEST, ImageDiagnosis, context_share, diagnose, most_doubtful

CLASSES = ("cat", "boat")
N = 2 * FEWEST
SOUND = (0.6, 0.0, 0.1, 0.1, 0.2)  # shares of the heat


def cats_and_boats(
    *, painted: float = -3.0, shares: Sequence[float] = SOUND, random: float = 0.1, same: float = 0.1
) -> dict[str, Any]:
    """A diagnosis of N images of cats, then N of boats, of which only the boats' diagnoses vary."""
    labels = np.repeat(np.eye(2, dtype=bool), N, axis=0)
    logits = np.where(labels, 4.0, -4.0)
    diagnoses = [
        ImageDiagnosis(f"cat-{i}", 0, 4.0, -4.0, True, SOUND, 0.9, 0.1, 0.5, 0.1, 0.1, 0.1) for i in range(N)
    ]
    diagnoses += [
        ImageDiagnosis(
            f"boat-{i}", 1, 4.0, painted, i % 4 > 0, tuple(shares), 0.8, 0.2, 0.3, random, 0.2, same
        )
        for i in range(N)
    ]
    return diagnose(CLASSES, labels, logits, np.full_like(logits, -4), diagnoses)


def test_very_sure_logits_have_probabilities() -> None:
    """The exponential of a large logit overflows, and numpy would warn of it."""
    low = ImageDiagnosis("a", 0, -1e4, -1e4)
    assert (low.probability, low.painted_probability) == (0, 0)
    logits = np.full((2, 1), -200, np.float32)
    assert diagnose(("cat",), np.zeros((2, 1), bool), logits, logits, [])["classes"]["cat"]["leaks"] == {}


def test_context_share_by_hand() -> None:
    absent, shown, painted = np.array([-4.0, -2]), np.array([5.0, 7]), np.array([-1.0, 1])
    # (0 - -3) / (6 - -3)
    assert context_share(absent, shown, painted) == pytest.approx(1 / 3)
    assert np.isnan(context_share(shown, absent, painted))  # no evidence for the class
    assert np.isnan(context_share(np.array([]), shown, painted))


def test_means_by_class() -> None:
    boat = cats_and_boats()["classes"]["boat"]
    assert boat["context"] == pytest.approx(1 / 8)  # (-3 - -4) / (4 - -4)
    assert boat["pointing_game"] == 0.75
    assert boat["heat"] == pytest.approx(
        {"object": 0.6, "other classes": 0, "corners": 0.1, "border": 0.1, "elsewhere": 0.2}
    )
    measures = {key: boat[key] for key in ("insertion", "deletion", "drop_hot", "drop_random")}
    assert measures == pytest.approx({"insertion": 0.8, "deletion": 0.2, "drop_hot": 0.3, "drop_random": 0.1})
    assert cats_and_boats()["overall"]["random_head"] == pytest.approx(0.15)


def test_a_sound_classifier_is_not_accused() -> None:
    assert cats_and_boats()["flags"] == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"painted": 0.0}, "`boat`: 50 % of its evidence stays with all objects painted over"),
        ({"shares": (0.5, 0.4, 0, 0, 0.1)}, "`boat`: 40 % of its heat lies on objects of other classes"),
        (
            {"random": 0.3},
            "`boat`: erasing the hottest part lowers its probability no more (0.30) than erasing a random",
        ),
        (
            {"same": 0.95},
            "Heatmaps of a network with random weights look much the same (rank correlation 0.5",
        ),
    ],
)
def test_each_suspicion(change: dict[str, Any], sentence: str) -> None:
    (flag,) = cats_and_boats(**change)["flags"]
    assert flag.startswith(sentence)


def test_leaks_between_classes_that_come_together() -> None:
    # Cats raise the boat's probability from 0 to 0.5 where there is no boat.
    labels = np.array([[1, 0]] * FEWEST + [[0, 0]] * FEWEST, bool)
    logits = np.where(labels[:, :1], [4.0, 0.0], [-4.0, -40.0])
    diagnosis = diagnose(CLASSES, labels, logits, logits, [])
    assert diagnosis["classes"]["boat"]["leaks"] == pytest.approx({"cat": 0.5})
    assert diagnosis["flags"] == [
        "`boat`: images of `cat` without it raise its probability by 0.50 on average."
    ]


def test_few_images_say_nothing() -> None:
    labels = np.array([[0, 1]] * (FEWEST - 1) + [[0, 0]] * N, bool)
    diagnoses = [
        ImageDiagnosis(str(i), 1, 4.0, 4.0, False, (0, 1, 0, 0, 0), 0, 1, 0, 1) for i in range(FEWEST - 1)
    ]
    logits = np.where(labels, 4.0, -4.0)
    assert diagnose(CLASSES, labels, logits, -abs(logits), diagnoses)["flags"] == []


def test_without_masks_the_scores_are_null_and_json_takes_them() -> None:
    labels = np.array([[1, 0], [0, 1]], bool)
    unknown = np.full((2, 2), np.nan)
    diagnosis = diagnose(
        CLASSES, labels, np.zeros((2, 2)), unknown, [ImageDiagnosis("a", 0, 0.0), ImageDiagnosis("b", 1, 0.0)]
    )
    assert diagnosis["classes"]["cat"]["context"] is None
    assert diagnosis["overall"]["heat"]["object"] is None
    json.dumps(diagnosis, allow_nan=False)


def test_doubtful_images_come_first() -> None:
    seen, gone = (
        ImageDiagnosis("a", 0, 3.0, painted_logit=2.0),
        ImageDiagnosis("b", 0, 3.0, painted_logit=-2.0),
    )
    weak = ImageDiagnosis("c", 0, 3.0, drop_hot=0.1, drop_random=0.3)
    strong = ImageDiagnosis("d", 0, 3.0, drop_hot=0.9, drop_random=0.1)
    unknown = ImageDiagnosis("e", 0, 3.0)
    assert most_doubtful([unknown, strong, weak, gone, seen], 4) == [seen, gone, weak, strong]
