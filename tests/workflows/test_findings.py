"""The findings of each class: from counts by hand, and with nothing to count."""

import numpy as np
import pytest

from pipeline.data.manifest import Manifest, Sample
from pipeline.evaluation.confusion import confusion_matrix
from pipeline.evaluation.probability_histograms import probability_histograms
from pipeline.report.summary import FINDINGS
from pipeline.workflows.findings import (
    count_findings,
    image_findings,
    no_findings,
    no_histograms,
    pixel_findings,
)

MANIFEST = Manifest("", ("crack", "spot"), ())


def sample(name: str, *labels: int) -> Sample:
    return Sample(name, f"{name}.png", "", 4, 6, labels, "val", True, True)


def test_pixels_and_objects_by_hand() -> None:
    truth = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]], np.uint8)
    prediction = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 2, 0, 0, 0]], np.uint8)
    images = [(truth, prediction), (truth * 0, prediction * 0)]
    counts, histograms = no_findings(3), no_histograms(3)
    for true, found in images:
        counts += count_findings(true, found, 3)
        probabilities = np.stack([found == label for label in range(3)]).astype(np.float32)
        histograms += probability_histograms(true, probabilities)
    confusion = sum(confusion_matrix(*pair, 3) for pair in images)
    findings = pixel_findings(MANIFEST, confusion, counts, histograms)
    # crack: 2 pixels predicted, 1 right; 1 of 4 true ones found. With 2 pixels of tolerance the pixel at
    # (2, 1) is right (2 from (0, 1)), and (0, 1) is found (1 from (0, 0)): P = 2 / 2, R = 2 / 4.
    # Two objects, one found; the part at (2, 1) is false: one in two images.
    # At the threshold of no false pixel in the empty image, 1 of 4 pixels is found.
    expected = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "f1_tolerant": 2 / 3, "object_recall": 0.5}
    expected |= {"false_objects": 0.5, "recall_at_rate": 0.25}
    found = findings["crack"]
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    # Overlap: the objects have 1/2 and 0 at a rate of 1/32 and all at a rate of 1.
    line = 0.25 + 0.75 * (0.3 - 1 / 32) / (31 / 32)
    area = (0 + 0.25) / 2 / 32 + (0.25 + line) / 2 * (0.3 - 1 / 32)
    assert found["aupro"] == pytest.approx(area / 0.3, abs=1e-5)
    assert set(findings["spot"].values()) == {None}, "no mask shows a spot"


def test_images_by_hand() -> None:
    samples = [sample("a", 0), sample("b", 0, 1), sample("c"), sample("d")]
    highest = np.array([[0.9, 0.1], [0.4, 0.9], [0.5, 0.2], [0.1, 0.3]])
    found = image_findings(MANIFEST, samples, highest)
    assert found["crack"] == {
        "image_auroc": 0.75,  # of the four pairs, (.4, .5) is the wrong way round
        "image_ap": pytest.approx(1 / 2 + 1 / 2 * 2 / 3, abs=1e-6),
        **dict.fromkeys(("pg_1", "pg_5", "pb_1", "pb_5"), 0.5),
    }
    assert found["spot"] == dict.fromkeys(found["crack"], 1.0)


@pytest.mark.parametrize(
    ("samples", "known"),
    [
        ([], set()),
        ([sample("a"), sample("b")], set()),  # no image shows a class
        ([sample("a", 0, 1), sample("b", 0, 1)], {"image_ap"}),  # all do
    ],
)
def test_no_figure_is_invented(samples: list[Sample], known: set[str]) -> None:
    by_image = image_findings(MANIFEST, samples, np.full((len(samples), 2), 0.5))
    by_pixel = pixel_findings(MANIFEST, np.zeros((3, 3), np.int64), no_findings(3), no_histograms(3))
    for name in MANIFEST.classes:
        found = by_pixel[name] | by_image[name]
        assert tuple(found) == FINDINGS
        assert {key for key, value in found.items() if value is not None} == known
