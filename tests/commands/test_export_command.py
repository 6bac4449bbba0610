"""`camseg export` on a small finished project."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torchvision.datasets import VOCSegmentation

from pipeline.__main__ import main
from pipeline.base.files import write_csv
from pipeline.data.images import read_mask, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.segmentation.network import (
    SegmentationConfig,
    SegmentationNet,
    load_segmentation_net,
    save_segmentation_net,
)
from tests.end_to_end.project import change_params
from tests.export.test_onnx import require_the_logits_of
from tests.forks import FORKS, in_fork

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("cat", "dog")
SIZE = (24, 40)
# name, labels, confidence
MASKS = {"sub/sure": ((0,), 0.8), "sub/doubtful": ((1,), 0.6), "plain": ((), 1.0), "missed": ((0, 1), 0.3)}


def half(value: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[:, : SIZE[1] // 2] = value
    return mask


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained model."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    net = smp.create_model(
        "Unet", "tu-resnet10t", encoder_weights=None, classes=3, decoder_channels=(8, 8, 8, 8, 8)
    )
    save_segmentation_net(folder, SegmentationNet(net, SegmentationConfig(CLASSES, 64)))
    return folder


@pytest.fixture(autouse=True)
def project(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, masks with their confidence, predictions and a model as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    params = SHIPPED.read_text()
    Path("params.yaml").write_text(params)
    samples = []
    for name, (labels, _) in sorted(MASKS.items()):
        image = np.random.default_rng(0).integers(256, size=(*SIZE, 3)).astype(np.uint8)
        write_image(Path(f"images/{name}.png"), image)
        samples.append(Sample(name, f"{name}.png", "", *SIZE, labels, "train", True, True))
        write_mask(Path(f"data/masks/cam/{name}.png"), half(labels[0] + 1 if labels else 0))
        write_mask(Path(f"data/masks/cam-round1/{name}.png"), half(labels[0] + 1 if labels else 0))
        write_mask(Path(f"data/masks/full/{name}.png"), half(0))
        write_mask(Path(f"data/predictions/cam/{name}.png"), half(1))
    write_manifest(Path("data/prepared"), Manifest("images", CLASSES, tuple(samples)))
    for masks in ("cam", "cam-round1"):
        write_confidences(masks)
    shutil.copytree(model, "models/segmentation/cam")


def write_confidences(masks: str, *corrected: str) -> None:
    """The table of a stage that makes masks."""
    columns = ("name", "confidence", "corrected", "miou_before", "miou_after")
    rows = [
        {"name": name, "confidence": 1.0 if name in corrected else value, "corrected": int(name in corrected)}
        for name, (_, value) in MASKS.items()
    ]
    write_csv(Path(f"reports/pseudo_masks/{masks}/images.csv"), columns, rows)


def read_confidence(out: str = "out") -> dict[str, float]:
    rows = csv.DictReader(Path(out, "confidence.csv").read_text(encoding="utf-8").splitlines())
    return {row["name"]: float(row["confidence"]) for row in rows}


@pytest.mark.parametrize("options", [[], ["--masks", "cam"], ["--masks", "cam-round1"]])
def test_classes_come_in_turn_the_most_doubtful_first(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "png", "out", *options]) == 0
    confidences = read_confidence()
    assert list(confidences) == ["missed", "sub/doubtful", "sub/sure", "plain"]
    assert confidences == {name: confidence for name, (_, confidence) in MASKS.items()}
    output = capsys.readouterr().out
    assert output.startswith(f"4 mask(s) of data/masks/{(options or ['', 'cam'])[1]} written to out")
    assert f"  {confidences['missed']:.2f}  missed\n" in output
    assert np.array_equal(read_mask(Path("out/masks/sub/sure.png")), half(1))


def test_predictions_have_the_confidence_that_evaluate_wrote() -> None:
    rows = [{"name": name, "confidence": 0.25, "miou": None} for name in MASKS]
    write_csv(Path("reports/evaluation/cam/images.csv"), ("name", "confidence", "miou"), rows)
    assert main(["export", "png", "out", "--predictions", "cam"]) == 0
    assert list(read_confidence().values()) == [0.25] * 4


def test_corrected_masks_are_sure_and_come_last() -> None:
    write_mask(Path("data/masks/corrected/missed.png"), half(2))
    write_confidences("cam", "missed")  # the most doubtful otherwise
    assert main(["export", "png", "out"]) == 0
    confidences = read_confidence()
    assert list(confidences) == ["sub/doubtful", "sub/sure", "missed", "plain"]  # equal ones by name
    assert confidences["missed"] == confidences["plain"] == 1
    assert main(["export", "png", "corrected", "--masks", "corrected"]) == 0
    assert read_confidence("corrected") == {"missed": 1}


def test_the_round_before_a_fall_of_the_confidence_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("data/masks/cam-round1", "data/masks/cam-round2")
    rows = [{"name": name, "confidence": value - 0.1} for name, (_, value) in MASKS.items()]
    write_csv(Path("reports/pseudo_masks/cam-round2/images.csv"), ("name", "confidence"), rows)
    rounds = {"cam-round1": "cam", "cam-round2": "cam-round1"}
    change_params(Path(), {"segmentation.supervision": [*reversed(rounds), "cam"]})
    change_params(Path(), {"self_training.rounds": rounds})
    assert main(["export", "png", "out"]) == 0
    output = capsys.readouterr().out
    assert "falls from `cam-round1` (0.675) to `cam-round2` (0.575)" in output
    assert "4 mask(s) of data/masks/cam-round1 written to out" in output
    assert main(["export", "png", "named", "--masks", "cam-round2"]) == 0
    output = capsys.readouterr().out
    assert "falls" not in output
    assert "mask(s) of data/masks/cam-round2" in output


def test_ground_truth_is_sure() -> None:
    assert main(["export", "png", "out", "--masks", "full"]) == 0
    assert set(read_confidence().values()) == {1.0}


def test_each_format_opens(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("voc", "coco", "cvat", "labelstudio"):
        assert main(["export", name, name]) == 0
        assert next(iter(read_confidence(name))) == "missed"
    assert len(VOCSegmentation("voc", image_set="train")) == 4
    assert json.loads(Path("coco/annotations.json").read_text())["images"][0]["file_name"] == "missed.png"
    with zipfile.ZipFile("cvat/annotations.zip") as archive:
        assert "SegmentationClass/sub/sure.png" in archive.namelist()
    assert len(json.loads(Path("labelstudio/tasks.json").read_text())) == 4


@pytest.mark.filterwarnings(FORKS)
def test_onnx_gives_what_the_model_gives(capsys: pytest.CaptureFixture[str]) -> None:
    status, output = in_fork(lambda: (main(["export", "onnx", "new/model.onnx"]), capsys.readouterr().out))
    assert status == 0
    assert (
        "models/segmentation/cam written to new/model.onnx\nonnxruntime gives the logits of torch" in output
    )
    require_the_logits_of(load_segmentation_net(Path("models/segmentation/cam")), Path("new/model.onnx"))


def test_a_folder_with_files_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    assert main(["export", "png", "out"]) == 0  # an empty one is fine
    before = {file: file.read_bytes() for file in Path("out").rglob("*") if file.is_file()}
    assert main(["export", "voc", "out"]) == 2
    assert "out: expected a new or an empty folder, got one with files" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in Path("out").rglob("*") if file.is_file()} == before


def test_what_a_killed_export_left_is_deleted_by_the_next() -> None:
    Path("new").mkdir()
    Path("new/.out.part/masks").mkdir(parents=True)
    Path("new/.out.part/masks/old.png").touch()
    assert main(["export", "png", "new/out"]) == 0
    assert [path.name for path in Path("new").iterdir()] == ["out"]
    assert not Path("new/out/masks/old.png").exists()


def test_a_link_to_an_empty_folder_may_be_written_to() -> None:
    Path("disk/empty").mkdir(parents=True)
    Path("out").symlink_to(Path("disk/empty"))
    assert main(["export", "png", "out"]) == 0
    assert Path("out").is_symlink()
    assert [path.name for path in Path("disk").iterdir()] == ["empty"]
    assert Path("disk/empty/masks/plain.png").is_file()


def test_a_failed_export_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("images/plain.png").unlink()
    before = sorted(Path().iterdir())
    assert main(["export", "coco", "out"]) == 2
    assert "images/plain.png: no such file" in capsys.readouterr().err
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("options", "removed", "message"),
    [
        (["png", "out", "--masks", "camm"], "", "data/masks: expected one of cam, cam-round1, full, got"),
        (["png", "out", "--masks", "../masks/cam"], "", "data/masks: expected one of cam"),
        (["png", "out", "--predictions", "full"], "", "data/predictions: expected one of cam, got no 'full'"),
        (
            ["png", "out"],
            "reports/pseudo_masks/cam/images.csv",
            "reports/pseudo_masks/cam/images.csv: no such",
        ),
        (["png", "out"], "data/prepared/manifest.json", "there is no data set yet. Run `camseg run` first"),
        (["png", "out", "--model", "models"], "", "png takes masks: --masks NAME or --predictions NAME"),
        (["onnx", "out.onnx", "--masks", "cam"], "", "onnx takes a model: --model FOLDER"),
        (["onnx", "out"], "", "out: expected a new file that ends with .onnx"),
        (["onnx", "m.onnx"], "models/segmentation/cam/camseg.json", "got no camseg.json. Run `camseg run`"),
        (["onnx", "m.onnx", "--model", "none"], "", "none: expected a segmentation model"),
        (["png", "out", "--predictions", "cam"], "", "reports/evaluation/cam/images.csv: no such file"),
    ],
)
def test_wrong_requests_say_what_is_missing(
    options: list[str], removed: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if removed:
        Path(removed).unlink()
    assert main(["export", *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path(options[1]).exists()


@pytest.mark.parametrize("row", ["", "sub/sure,,0,,\n"])
def test_a_mask_without_a_confidence_is_named(row: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Path("reports/pseudo_masks/cam/images.csv")
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(row if line.startswith("sub/sure") else line for line in lines))
    assert main(["export", "png", "out"]) == 2
    assert (
        "images.csv: expected a confidence for each mask, got none for 1 of 4, the first of them 'sub/sure'"
        in (capsys.readouterr().err)
    )


@pytest.mark.parametrize("content", [b"", b"not safetensors"])
def test_a_broken_model_is_named(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("models/segmentation/cam/model.safetensors").write_bytes(content)
    assert main(["export", "onnx", "m.onnx"]) == 2
    assert "models/segmentation/cam: cannot be read as a segmentation model" in capsys.readouterr().err
