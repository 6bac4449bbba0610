"""Masks of the training images by a segmentation model."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.masks.otsu_threshold import POWER, heat_histogram, otsu
from pipeline.masks.threshold import normalised_odds, normalised_scores
from pipeline.params import load_params
from pipeline.stages import self_train
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def test_shares_against_the_background_compete_by_their_odds_at_one_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    sample = Sample("a", "a.png", "", 4, 4, (0,), "train", False, False)
    write_manifest(paths.PREPARED, Manifest("", ("cat",), (sample,)))
    heat = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) ** 2
    write_shard(paths.HEATMAPS / "cam", 0, {"a": heat})
    write_index(paths.HEATMAPS / "cam", [["a"]])
    jobs: list[PseudoMaskJob] = []
    monkeypatch.setattr(self_train, "predict_training_images", lambda *_: None)
    monkeypatch.setattr(self_train, "make_masks", lambda _stage, _target, job, _samples: jobs.append(job))
    self_train.main("cam-round2")
    (job,) = jobs
    assert (job.heat.normalise, job.heat.threshold) == (normalised_odds, 0.5)
    assert job.params == load_params().pseudo_masks
    # The first masks' heatmaps and threshold give the confidence of the new ones.
    assert job.judge.folder == paths.HEATMAPS / "cam" != job.heat.folder
    assert job.judge.normalise == normalised_scores
    assert job.judge.threshold == round(otsu(heat_histogram(heat), POWER), 4)
