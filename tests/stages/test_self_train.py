"""What a model says of training images, as masks."""

from pathlib import Path

import pytest

from pipeline import paths
from pipeline.data.manifest import Manifest, write_manifest
from pipeline.masks.threshold import odds_competition
from pipeline.params import load_params
from pipeline.stages import self_train
from pipeline.workflows.pseudo_masks import Job

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def test_shares_against_the_background_compete_by_their_odds_at_one_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    write_manifest(paths.PREPARED, Manifest("", ("cat",), ()))
    jobs: list[Job] = []
    monkeypatch.setattr(self_train, "predict_all", lambda *_: None)
    monkeypatch.setattr(self_train, "make_masks", lambda _stage, _target, job, _samples: jobs.append(job))
    self_train.main("cam-round1")
    (job,) = jobs
    assert (job.compete, job.threshold) == (odds_competition, 0.5)
    assert job.params == load_params().pseudo_masks
