"""Which images a segmentation model is scored on."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline import paths
from pipeline.base.files import read_json
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, Split, write_manifest
from pipeline.engine import mapping
from pipeline.params import load_params
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from pipeline.stages import evaluate
from pipeline.workflows.evaluation import evaluated_samples
from pipeline.workflows.prediction_scores import model_metrics

SHIPPED = Path(__file__).parents[2] / "params.yaml"
SPLITS: dict[str, Split] = {"a": "train", "b": "val", "c": "test", "d": "test"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image of `train` and `val`, two of `test`, of which one has no mask; a model that says `cat`."""
    monkeypatch.chdir(tmp_path)
    samples = []
    for name, split in SPLITS.items():
        write_image(Path(f"{name}.png"), np.full((32, 40, 3), 90, np.uint8))
        samples.append(Sample(name, f"{name}.png", "", 32, 40, (0,), split, name != "d", name != "d"))
    ground_truth = np.ones((32, 40), np.uint8)
    write_mask(paths.GROUND_TRUTH / "b.png", ground_truth)
    ground_truth[:, :10] = 0
    write_mask(paths.GROUND_TRUTH / "c.png", ground_truth)
    write_manifest(paths.PREPARED, Manifest("", ("cat",), tuple(samples)))
    layer = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.0, 1.0]))
    net = SegmentationNet(layer, SegmentationConfig(("cat",), 32)).eval()
    monkeypatch.setattr("pipeline.workflows.predicted_masks.load_segmentation_net", lambda folder: net)


def run(split: str) -> tuple[dict[str, object], list[dict[str, str]], list[str]]:
    text = SHIPPED.read_text()
    assert "  split: val " in text
    Path("params.yaml").write_text(text.replace("  split: val ", f"  split: {split} "))
    evaluate.main("cam")
    with Path("reports/evaluation/cam/images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    masks = sorted(path.stem for path in Path("data/predictions/cam").iterdir())
    return read_json(Path("reports/evaluation/cam/metrics.json")), rows, masks


def test_val_as_shipped() -> None:
    metrics, rows, masks = run("val")
    assert (metrics["split"], metrics["miou"]) == ("val", 1.0)
    confidence = "0.731059"  # softmax of (0, 1)
    assert rows == [{"name": "b", "confidence": confidence, "miou": "1.0"}]
    assert masks == ["b"]


def test_the_split_test_is_predicted_and_scored() -> None:
    metrics, rows, masks = run("test")
    # Of `c` a quarter is background, which is never found: IoU 0 and 3 / 4.
    assert (metrics["split"], metrics["miou"]) == ("test", 0.375)
    assert [(row["name"], row["miou"]) for row in rows] == [("c", "0.375"), ("d", "")]
    assert masks == ["c", "d"]


def test_the_standard_error_is_that_of_the_scored_images(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("test")[0]["miou_standard_error"] is None  # one scored image says nothing
    seen: list[np.ndarray] = []
    stub = "pipeline.workflows.evaluation.miou_standard_error"
    monkeypatch.setattr(stub, lambda parts: seen.extend(parts) or 0.0123)
    shutil.rmtree("reports")
    assert run("test")[0]["miou_standard_error"] == 0.0123
    (of_c,) = seen  # `d` has no mask
    assert of_c.tolist() == [[0, 960], [320, 960], [0, 1280]]  # right, true and predicted pixels


def test_a_split_without_images_is_an_error() -> None:
    params = load_params(SHIPPED)
    section = params.evaluation.model_copy(update={"split": "test"})
    with pytest.raises(ValueError, match=r"evaluation.split: expected images of the split `test`"):
        evaluated_samples(Manifest("", ("cat",), ()), params.model_copy(update={"evaluation": section}))


def test_an_interrupted_evaluation_goes_on_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("test")
    folders = (Path("data/predictions/cam"), Path("reports/evaluation/cam"))
    expected = {file: file.read_bytes() for folder in folders for file in folder.iterdir()}
    for folder in folders:
        shutil.rmtree(folder)
    monkeypatch.setattr(mapping, "BLOCK", 1)
    read, names = Manifest.image, []

    def break_off_at_d(manifest: Manifest, sample: Sample) -> np.ndarray:
        names.append(sample.name)
        if names == ["c", "d"]:
            raise OSError("the network drive is gone")
        return read(manifest, sample)

    monkeypatch.setattr(Manifest, "image", break_off_at_d)
    with pytest.raises(OSError, match="the network drive is gone"):
        run("test")
    assert not folders[0].exists()
    names.clear()
    assert run("test") == whole
    assert names == ["d"]
    assert {file: file.read_bytes() for folder in folders for file in folder.iterdir()} == expected
    assert not list(Path(".work").iterdir())


@pytest.mark.parametrize("gone", ["", "histograms-00000.npz", "block-00000.json"])
def test_a_run_that_was_killed_while_it_published_is_made_again(
    gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path) -> None:
        for file in folder.rglob(gone or "nothing"):
            file.unlink()
        raise KeyboardInterrupt

    whole = run("test")
    expected = {file: file.read_bytes() for file in Path("data/predictions/cam").iterdir()}
    shutil.rmtree("data/predictions")  # as DVC does before a stage
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.base.work_folder.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            run("test")
    shutil.rmtree("data/predictions")
    assert run("test") == whole
    assert {file: file.read_bytes() for file in Path("data/predictions/cam").iterdir()} == expected


@pytest.mark.parametrize(
    ("confusion", "miou"),  # rows: ground truth
    [([[9, 0], [0, 0]], None), ([[7, 2], [0, 0]], None), ([[10, 0], [2, 2]], (10 / 12 + 2 / 4) / 2)],
)
def test_masks_without_any_class_give_no_miou(confusion: list[list[int]], miou: float | None) -> None:
    metrics = model_metrics(Manifest("", ("tumour",), ()), np.array(confusion), np.zeros((2, 2), np.int64))
    assert metrics["miou"] == (None if miou is None else pytest.approx(miou, abs=1e-6))


def test_a_class_that_no_mask_shows_has_no_score_where_it_is_predicted() -> None:
    confusion = np.array([[8, 1, 1], [2, 4, 0], [0, 0, 0]])
    boundaries = np.array([[9, 9], [3, 6], [0, 5]])
    metrics = model_metrics(Manifest("", ("cat", "dog"), ()), confusion, boundaries)
    # background: 8 / (10 + 10 - 8) = 2/3; cat: 4 / (6 + 5 - 4) = 4/7; dog: no true pixel.
    assert metrics["iou_per_class"] == {
        "background": pytest.approx(2 / 3, abs=1e-6),
        "cat": pytest.approx(4 / 7, abs=1e-6),
        "dog": None,
    }
    assert metrics["miou"] == pytest.approx((2 / 3 + 4 / 7) / 2, abs=1e-6)
    assert metrics["boundary_iou"] == pytest.approx(3 / 6)
