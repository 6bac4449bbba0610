"""A whole run on data in which every pixel belongs to a class, on the stub networks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.files import read_json
from pipeline.data.images import read_mask
from pipeline.stages import (
    diagnose,
    evaluate,
    make_heatmaps,
    make_pseudo_masks,
    report,
    self_train,
    train_classifier,
    train_segmentation,
)
from tests.golden.project import CLASSES, SAMPLES, make_project

SUPERVISION = ("cam", "cam-round1", "full")
CHANGES: dict[str, object] = {
    "data.background": False,
    "heatmaps.methods": ["cam"],
    "segmentation.supervision": list(SUPERVISION),
    "self_training.rounds": {"cam-round1": "cam"},
    "diagnose.images": 1,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after all stages."""
    folder = tmp_path_factory.mktemp("land")
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch, CHANGES)
        train_classifier.main()
        make_heatmaps.main()
        diagnose.main()
        make_pseudo_masks.main("cam")
        train_segmentation.main("cam")
        self_train.main("cam-round1")
        for supervision in SUPERVISION[1:]:
            train_segmentation.main(supervision)
        for supervision in SUPERVISION:
            evaluate.main(supervision)
        report.main()
    return folder


def ids(folder: Path) -> dict[str, set[int]]:
    """The ids of each mask in a folder."""
    return {file.stem: set(np.unique(read_mask(file)).tolist()) for file in sorted(folder.glob("*.png"))}


def test_no_mask_and_no_prediction_shows_background(project: Path) -> None:
    for kind in ("masks/full", "masks/corrected", "masks/cam", "masks/cam-round1", "predictions/cam"):
        found = ids(project / "data" / kind)
        assert found, kind
        assert not any(0 in of_mask for of_mask in found.values()), kind


def test_ground_truth_keeps_its_classes_and_opens_the_rest(project: Path) -> None:
    for file in sorted((project / "data/photos/masks").glob("*.png")):
        raw = np.asarray(Image.open(file))
        expected = np.where(raw == 0, 255, raw)
        assert np.array_equal(read_mask(project / "data/masks/full" / file.name), expected)


def test_pseudo_masks_share_the_image_among_its_labels(project: Path) -> None:
    found = ids(project / "data/masks/cam")
    corrected = (project / "data/masks/cam/corrected.txt").read_text().split()
    checked = 0
    for sample in SAMPLES:
        if sample.name in found and sample.name not in corrected:
            expected = {label + 1 for label in sample.labels} or {255}
            assert found[sample.name] <= expected
            assert len(sample.labels) > 1 or found[sample.name] == expected
            checked += 1
    assert checked > 1


def test_scores_and_the_page_leave_the_background_out(project: Path) -> None:
    summary = read_json(project / "reports/summary.json")
    for supervision in SUPERVISION:
        assert list(summary["segmentation"][supervision]["iou_per_class"]) == sorted(CLASSES)
        assert summary["segmentation"][supervision]["miou"] is not None
    assert summary["heatmaps"]["cam"]["threshold_chosen"] is None
    assert summary["heatmaps"]["cam"]["miou_best"] is None
    assert summary["heatmaps"]["cam"]["miou_chosen"] is not None
    header = (project / "reports/evaluation/cam/confusion.csv").read_text().splitlines()[0]
    assert header == "ground_truth,disc,square,triangle"
    page = (project / "reports/index.html").read_text()
    assert "The data have no background" in page
    assert ">background<" not in page


def test_a_model_says_that_it_has_no_background(project: Path) -> None:
    folder = project / "models/segmentation/cam"
    assert read_json(folder / "camseg.json")["background"] is False
    assert read_json(folder / "config.json")["classes"] == len(CLASSES)
