"""Masks in shards instead of files change no model, no score and no export."""

import pytest

from pipeline.__main__ import main
from pipeline.base import parallel
from pipeline.data import mask_store
from tests.golden.test_no_leak import changed
from tests.golden.whole_run import content, finished_run, run_stages, write_report

RESULTS = ("models/**/*", "data/heatmaps/**/*", "data/prepared/**/*", "reports/**/*")
OF_THE_RUN = {"reports/run.html", "reports/runs.json"}  # when and where it ran


def test_a_whole_run_with_masks_in_shards(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sharded = finished_run(tmp_path_factory), tmp_path_factory.mktemp("sharded")
    with monkeypatch.context() as patch:
        patch.setattr(mask_store, "MOST_FILES", 0)
        patch.setattr(parallel, "BLOCK", 2)
        run_stages(sharded, finish=write_report)
    for folder in ("full", "cam", "gradcampp", "cam-round1", "cam-calibrated", "corrected"):
        assert list((plain / "data/masks" / folder).rglob("*.png"))
        assert not list((sharded / "data/masks" / folder).rglob("*.png"))
        assert (sharded / "data/masks" / folder / "shard-00000.tar").exists()
    assert len(found := content(plain, *RESULTS)) > 40
    assert set(changed(found, content(sharded, *RESULTS))) <= OF_THE_RUN
    for project in (plain, sharded):
        monkeypatch.chdir(project)
        for name in (("--masks", "cam"), ("--masks", "full"), ("--predictions", "cam")):
            out = tmp_path_factory.getbasetemp() / f"{project.name}-{name[1]}-{name[0]}"
            assert main(["export", "png", str(out), *name]) == 0
    for name in ("cam---masks", "full---masks", "cam---predictions"):
        one, other = (tmp_path_factory.getbasetemp() / f"{p.name}-{name}" for p in (plain, sharded))
        exported = content(one, "**/*")
        assert changed(exported, content(other, "**/*")) == []
        assert len([file for file in exported if file.endswith(".png")]) > 1
