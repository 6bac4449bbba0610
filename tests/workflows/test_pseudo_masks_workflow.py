"""The quality of masks, known without ground truth, and the table of a confusion matrix."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base.files import write_csv
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.store import HeatmapStore, write_index, write_shard
from pipeline.masks.pseudo_masks import PseudoMask
from pipeline.masks.threshold import Normalisation, normalised_odds, normalised_scores
from pipeline.params import load_params
from pipeline.report.results import read_confusion
from pipeline.workflows.confidence import MaskConfidence, read_confidences
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.mask_quality import MaskQuality, summarise_quality
from pipeline.workflows.pseudo_mask_blocks import MaskMaker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat

PARAMS = Path(__file__).parents[2] / "params.yaml"
CAT = Sample("a", "a.png", "", 4, 4, (0,), "train", False, False)


# Heat 0.2 against 0.3. Normalised scores: p(cat) = 0.2 / (0.2 + 0.3) = 0.4. Normalised odds: 0.2 / 0.8
# against 0.3 / 0.7 makes 7 / (7 + 12), but for the half level.
@pytest.mark.parametrize(("normalise", "cat"), [(normalised_scores, 0.4), (normalised_odds, 7 / 19)])
def test_other_heat_than_the_mask_was_made_of_judges_it(
    tmp_path: Path, normalise: Normalisation, cat: float
) -> None:
    write_shard(tmp_path / "heat", 0, {"a": np.full((1, 4, 4), 51, np.uint8)})
    write_index(tmp_path / "heat", [["a"]])
    mask = np.ones((4, 4), np.uint8)  # without background, whose confidence is 1 - p(cat)
    mask[1] = 255
    made_of = np.full((2, 4, 4), 0.5, np.float32)
    judge, other = ThresholdedHeat(tmp_path / "heat", 0.3, normalise), ThresholdedHeat(tmp_path / "x", 0.9)
    params, manifest = load_params(PARAMS).pseudo_masks, Manifest("", ("cat",), ())
    store, made = (
        HeatmapStore(judge.folder),
        PseudoMask(mask, mask, np.array([0, 1], np.uint8), made_of),
    )
    job = PseudoMaskJob(manifest, other, judge, tmp_path, params)
    assert MaskMaker(job, store, store).confidence(CAT, made) == pytest.approx(cat, abs=1e-3)
    # Its own probabilities judge it where there is no second opinion.
    job = PseudoMaskJob(manifest, judge, judge, tmp_path, params)
    assert MaskMaker(job, store, store).confidence(CAT, made) == 0.5


@pytest.mark.parametrize(("confidence", "corrected"), [(0.99996, 0), (1.0, 0), (1.0, 1), (1.0, None)])
def test_a_column_says_who_was_corrected_and_no_confidence(
    confidence: float, corrected: int | None, tmp_path: Path
) -> None:
    row = {"name": "a", "confidence": confidence} | ({} if corrected is None else {"corrected": corrected})
    write_csv(tmp_path / "images.csv", tuple(row), [row])
    assert read_confidences(tmp_path, [CAT]) == [MaskConfidence(confidence, corrected == 1)]


def test_means_over_the_masks() -> None:
    assert summarise_quality([]) == {"confidence": None, "ignored": None}
    summary = summarise_quality([MaskQuality(0.25, 0.5), MaskQuality(0.75, 0.0)])
    assert summary == {"confidence": 0.5, "ignored": 0.25}


def test_the_report_reads_the_table_that_stages_write(tmp_path: Path) -> None:
    counts = np.array([[3, 1], [2, 7]])
    write_confusion(tmp_path / "confusion.csv", ["cat, big"], counts)
    read = read_confusion(tmp_path / "confusion.csv")
    assert read.names == ("background", "cat, big")
    assert read.counts.tolist() == [[3, 1], [2, 7]]  # rows: ground truth
