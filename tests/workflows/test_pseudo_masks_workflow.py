"""The quality of masks, known without ground truth, and the table of a confusion matrix."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.masks.threshold import Normalisation, normalised_odds, normalised_scores
from pipeline.params import load_params
from pipeline.report.results import read_confusion
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.mask_quality import MaskQuality, mask_quality, summarise_quality
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat

PARAMS = Path(__file__).parents[2] / "params.yaml"
CAT = Sample("a", "a.png", "", 4, 4, (0,), "train", False, False)


# Heat 0.2 against 0.3. Normalised scores: p(cat) = 0.2 / (0.2 + 0.3) = 0.4. Normalised odds: 0.2 / 0.8
# against 0.3 / 0.7 makes 7 / (7 + 12), but for the half level.
@pytest.mark.parametrize(("normalise", "cat"), [(normalised_scores, 0.4), (normalised_odds, 7 / 19)])
def test_the_quality_of_one_mask_by_hand(tmp_path: Path, normalise: Normalisation, cat: float) -> None:
    heat = np.full((1, 4, 4), 51, np.uint8)
    write_shard(tmp_path / "heat", 0, {"a": heat})
    write_index(tmp_path / "heat", [["a"]])
    mask = np.ones((4, 4), np.uint8)  # without background, whose confidence is 1 - p(cat)
    mask[1] = 255
    write_mask(tmp_path / "work/masks/a.png", mask)
    heat = ThresholdedHeat(tmp_path / "heat", 0.3, normalise)
    # What the mask was made of does not judge it.
    other_heat = ThresholdedHeat(tmp_path / "other", 0.9)
    params, manifest = load_params(PARAMS).pseudo_masks, Manifest("", ("cat",), ())
    job = PseudoMaskJob(manifest, other_heat, heat, tmp_path / "work", params)
    quality = mask_quality(job, CAT)
    assert quality.ignored == 0.25
    assert quality.confidence == pytest.approx(cat, abs=1e-3)


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
