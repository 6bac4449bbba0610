"""What a stage has found over all images before it was killed is not looked for again."""

from pathlib import Path
from typing import Any, NoReturn

import pytest

from pipeline.stages import make_heatmaps, make_pseudo_masks
from pipeline.workflows import heatmap_threshold, training_heatmaps
from tests.end_to_end.project import change_params
from tests.golden.project import make_project, write_classifier


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, monkeypatch)
    change_params(Path(), {"heatmaps.objects": "small"})
    write_classifier()


class Killed(Exception):
    """In the place of a signal."""


def kill(*_arguments: Any, **_options: Any) -> NoReturn:
    raise Killed


def files_below(folder: str) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()}


def test_heatmaps_keep_what_the_cells_say_of_the_size_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    make_heatmaps.main()
    whole = files_below("data/heatmaps")
    assert any(name.endswith("evidence.json") for name in whole)
    with monkeypatch.context() as killed:
        killed.setattr(training_heatmaps, "make_heatmaps", kill)
        with pytest.raises(Killed):
            make_heatmaps.main()
    monkeypatch.setattr(training_heatmaps, "measure_evidence", kill)
    make_heatmaps.main()
    assert files_below("data/heatmaps") == whole


@pytest.mark.parametrize(
    ("threshold", "search"), [("auto", "candidate_thresholds"), ("calibrated", "calibrated")]
)
def test_masks_keep_the_threshold(threshold: str, search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_params(Path(), {"pseudo_masks.threshold": threshold})
    make_heatmaps.main()
    make_pseudo_masks.main("cam")
    whole = files_below("data/masks/cam")
    with monkeypatch.context() as killed:
        killed.setattr(make_pseudo_masks, "make_masks", kill)
        with pytest.raises(Killed):
            make_pseudo_masks.main("cam")
    monkeypatch.setattr(heatmap_threshold, search, kill)
    make_pseudo_masks.main("cam")
    assert files_below("data/masks/cam") == whole
