"""Masks of the training images by a segmentation model."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.base.files import write_json
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.masks.threshold import normalised_odds, normalised_scores
from pipeline.params import load_params
from pipeline.stages import self_train
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

SHIPPED = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.parametrize(("refine", "followed"), [("par", "par"), ("colours", "none")])
def test_shares_against_the_background_compete_by_their_odds_at_one_half(
    refine: str, followed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    sample = Sample("a", "a.png", "", 4, 4, (0,), "train", False, False)
    write_manifest(paths.PREPARED, Manifest("", ("cat",), (sample,)))
    heat = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) ** 2
    write_shard(paths.HEATMAPS / "cam", 0, {"a": heat})
    write_index(paths.HEATMAPS / "cam", [["a"]])
    chosen = {"refine": refine, "confidence_threshold": 0.3}
    write_json(paths.REPORTS / "pseudo_masks/cam-round1/metrics.json", chosen)
    jobs: list[PseudoMaskJob] = []
    monkeypatch.setattr(self_train, "predict_training_images", lambda *_: None)
    monkeypatch.setattr(self_train, "make_masks", lambda _stage, _target, job, _samples: jobs.append(job))
    self_train.main("cam-round2")
    (job,) = jobs
    assert (job.heat.normalise, job.heat.threshold) == (normalised_odds, 0.5)
    # The refiner of the masks before is taken, whatever params.yaml leaves open.
    assert job.params == load_params().pseudo_masks.model_copy(update={"refine": followed})
    # The first masks' heatmaps and threshold give the confidence of the new ones.
    assert job.judge.folder == paths.HEATMAPS / "cam" != job.heat.folder
    assert job.judge.normalise == normalised_scores
    assert job.judge.threshold == 0.3
