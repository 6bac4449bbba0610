"""The `camseg` command on a small folder."""

import difflib
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import tifffile
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.datasets import voc

from pipeline.__main__ import main
from pipeline.base.files import read_json
from pipeline.commands.fitted_values import SEGMENTATION_PASSES, fitting_steps
from pipeline.commands.folder import inspect_source
from pipeline.commands.memory import memory_warning
from pipeline.commands.params_file import update_params
from pipeline.data.manifest import Manifest, write_manifest
from pipeline.engine import weights
from pipeline.engine.device import pick_device
from pipeline.params import ParamsError, load_params
from tests.data.folders import make_coco, write_json
from tests.small_encoders import small_vit

SHIPPED = Path(__file__).parents[2] / "params.yaml"
PRESETS = SHIPPED.parent / "pipeline" / "presets"
TWO_ROUNDS = ("cam-round2", "cam-round1", "cam")
ImageFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the shipped params as the current folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(SHIPPED, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    return folder


def changed_keys(before: str, after: str) -> list[str]:
    """Keys of the lines that differ; their comments have to be the same."""
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    comments = {kind: [line.partition(" # ")[2] for line in lines if line[0] == kind] for kind in "+-"}
    assert comments["+"] == comments["-"]
    return [line[2:].split(":")[0].strip() for line in lines if line[0] == "+"]


def test_check_shows_what_is_there(image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(image_folder())]) == 0
    output = capsys.readouterr().out
    assert "  class                  train  val\n" in output
    assert "  disc                       4    1\n" in output
    assert "  all images                 9    3\n" in output
    assert "            disc  square  triangle\n" in output
    assert "  height           48      56       64\n" in output
    assert "estimate for 2 CPU cores at data.long_side 64" in output
    assert re.search(r"disk +(\d+ MB)\n +DVC's copy of it +\1\n", output)
    assert "problems: 0 error(s), 0 warning(s)\n" in output
    assert Path("params.yaml").read_text() == SHIPPED.read_text()


def estimated(output: str) -> str:
    return output[output.index("estimate for") : output.index("worth a look")]


def test_check_estimates_the_run_that_use_sets_up(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(image_folder())
    main(["check", folder])
    before = capsys.readouterr().out
    assert main(["use", folder]) == 0
    capsys.readouterr()
    main(["check", folder])
    assert estimated(before) == estimated(capsys.readouterr().out)


def test_names_cannot_move_the_cursor(image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder = image_folder()
    for name in ("labels.csv", "classes.txt"):
        file = folder / name
        if file.exists():
            file.write_text(file.read_text().replace("disc", "di\x1b[31msc"))
    main(["check", str(folder)])
    output = capsys.readouterr().out
    assert "di\\x1b[31msc" in output
    assert "\x1b" not in output


def test_check_ends_with_1_and_lists_the_errors(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder()
    (folder / "images" / "photo-01.jpg").unlink()
    (folder / "images" / "photo-02.jpg").write_bytes(b"")
    assert main(["check", str(folder)]) == 1
    output = capsys.readouterr().out
    assert "problems: 2 error(s), 0 warning(s)\n" in output
    assert "error: " in output
    assert "photo-01.jpg (labels.csv, line 3): expected a readable image, got no such file" in output


def test_use_changes_its_keys_and_nothing_else(image_folder: ImageFolder) -> None:
    assert main(["use", str(image_folder()), "--weights", "none", "--encoder", "mobilenet_v2"]) == 0
    after = Path("params.yaml").read_text()
    assert changed_keys(SHIPPED.read_text(), after) == [
        "source",
        "path",
        "classes",
        "long_side",
        "encoder",
        "steps",
        "crop",
        "objects",
        "depths",
        "scale",
        "cells",
        "refine",
        "bilateral_sxy",
        "supervision",
        "architecture",
        "decoder",
        "encoder",
        "steps",
        "crop",
        "rounds",
    ]
    params = load_params()
    assert params.classifier.training.steps == 400  # 7 passes over 9 images are fewer
    assert params.segmentation.training.steps == 400
    assert params.data.source == "csv"
    assert Path(params.data.path) == image_folder()
    assert params.data.classes == ("disc", "square", "triangle")
    assert params.data.long_side == 64
    assert params.classifier.encoder == params.segmentation.encoder == "mobilenet_v2"


def test_use_takes_the_depths_that_an_encoder_has(image_folder: ImageFolder) -> None:
    folder = image_folder()
    for encoder, depths in (("resnet18", 3), ("mit_b0", 1)):
        assert main(["use", str(folder), "--weights", "none", "--encoder", encoder]) == 0
        assert load_params().heatmaps.depths == depths


@pytest.mark.parametrize("weights", ["none", "pretrained"])
def test_no_segmentation_model_has_a_plain_transformer(image_folder: ImageFolder, weights: str) -> None:
    name = f"tu-{small_vit.__name__}"
    plain = ["use", str(image_folder()), "--weights", weights, "--encoder", name]
    assert main(plain) == 0
    params = load_params()
    assert (params.classifier.encoder, params.heatmaps.depths) == (name, 1)
    assert (params.segmentation.encoder, params.segmentation.weights) == ("tu-resnet10t", weights)
    assert main(plain) == 0
    assert load_params() == params
    assert main(["use", str(image_folder()), "--weights", "none", "--encoder", "resnet18"]) == 0
    section = load_params().segmentation
    assert (section.encoder, section.weights) == ("resnet18", "classifier")


@pytest.mark.parametrize(
    ("quality", "supervision", "scales", "refine"),
    [
        ("fast", ("cam", "full"), (1.0,), "none"),
        ("balanced", (*TWO_ROUNDS, "full"), (1.0,), "none"),
        ("best", (*TWO_ROUNDS, "full"), (1.0, 0.75, 1.25), "crf"),
    ],
)
def test_quality_is_written_out(
    image_folder: ImageFolder,
    quality: str,
    supervision: tuple[str, ...],
    scales: tuple[float, ...],
    refine: str,
) -> None:
    folder = image_folder()
    assert main(["use", str(folder), "--quality", "best"]) == 0  # whatever was there before
    assert main(["use", str(folder), "--quality", quality]) == 0
    params = load_params()
    assert params.segmentation.supervision == supervision
    assert params.self_training.rounds == (
        {} if quality == "fast" else {"cam-round1": "cam", "cam-round2": "cam-round1"}
    )
    assert params.evaluation.scales == scales
    assert params.evaluation.refine == refine


@pytest.mark.parametrize("preset", ["voc2012", "coco2014"])
def test_presets_go_before_what_is_fitted_to_the_images(image_folder: ImageFolder, preset: str) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet50", "--preset", preset]) == 0
    params = load_params()
    assert params.data.long_side == 512  # the images have 64 pixels
    assert params.classifier.output_stride == 16
    assert params.classifier.training.steps > 3000
    assert params.classifier.training.crop == 0.7  # what the preset does not name is as ever
    assert params.segmentation.architecture == "DeepLabV3Plus"
    assert params.segmentation.decoder == {}
    assert params.segmentation.encoder == "resnet50"


@pytest.mark.parametrize(
    ("options", "encoder", "depths"), [([], "mit_b0", 1), (["--encoder", "resnet18"], "resnet18", 3)]
)
def test_a_preset_may_name_the_encoder(
    image_folder: ImageFolder,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    encoder: str,
    depths: int,
) -> None:
    Path("mine.yaml").write_text("classifier: {encoder: mit_b0}")
    assert main(["use", str(image_folder()), "--preset", "mine.yaml", *options]) == 0
    params = load_params()
    assert params.classifier.encoder == params.segmentation.encoder == encoder
    assert params.heatmaps.depths == depths
    assert f"licence of the weights of {encoder}: " in capsys.readouterr().out


@pytest.mark.parametrize(("tiles", "crop"), [(1, 0.7), (2, 1.0), (3, 1.0)])
def test_a_bag_of_tiles_is_all_of_an_image(image_folder: ImageFolder, tiles: int, crop: float) -> None:
    text = Path("params.yaml").read_text().replace("tiles: 1 ", f"tiles: {tiles} ", 1)
    values = {
        "max_side: 1024": "max_side: 4096",
        "restart: 0.02": "restart: 1.0",
        "weights: none": "weights: pretrained",
    }
    for old, new in values.items():
        text = text.replace(old, new)
    Path("params.yaml").write_text(text)
    assert main(["use", str(image_folder()), "--encoder", "resnet18"]) == 0
    assert load_params().classifier.training.crop == crop


@pytest.mark.parametrize("size", ["small", "large", "auto"])
def test_a_person_may_say_how_large_objects_are(image_folder: ImageFolder, size: str) -> None:
    folder = str(image_folder())
    assert main(["use", folder, "--encoder", "resnet18", "--objects", size]) == 0
    assert load_params().heatmaps.objects == size
    assert main(["use", folder, "--encoder", "resnet18"]) == 0
    assert load_params().heatmaps.objects == "auto"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classifier: {training: {step: 5}}", "classifier.training.step: unknown key. Correct"),
        ("- 1", "expected keys of params.yaml"),
        ("a: [", "expected a YAML file"),
        (None, "expected coco2014, voc2012, or a YAML file"),
    ],
)
def test_a_preset_that_cannot_be_used_changes_nothing(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    folder = image_folder()
    if text is not None:
        Path("mine.yaml").write_text(text)
    assert main(["use", str(folder), "--preset", "mine.yaml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("camseg: mine.yaml: ")
    assert message in err
    assert Path("params.yaml").read_text() == SHIPPED.read_text()


def test_use_and_check_say_the_licence_of_the_weights(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder()
    assert main(["use", str(folder), "--encoder", "mobilenet_v2"]) == 0
    assert "licence of the weights of mobilenet_v2: bsd-3-clause.\n" in capsys.readouterr().out
    assert main(["check", str(folder)]) == 0
    assert "weights of mobilenet_v2: pretrained\n  licence: bsd-3-clause.\n" in capsys.readouterr().out
    update_params(Path("params.yaml"), {"heatmaps.walk.features": "mit_b0"})
    assert main(["check", str(folder)]) == 0
    assert "weights of mit_b0: pretrained\n  licence: nvidia-source-code-license. " in capsys.readouterr().out
    assert main(["use", str(folder), "--encoder", "mobilenet_v2"]) == 0
    printed = capsys.readouterr().out
    assert "licence of the weights of mobilenet_v2: bsd" in printed
    assert "licence of the weights of mit_b0: nvidia-source-code-license." in printed


@pytest.mark.parametrize("refine", ["none", "par"])
def test_best_quality_does_without_a_crf_that_is_not_there(image_folder: ImageFolder, refine: str) -> None:
    Path("params.yaml").write_text(SHIPPED.read_text().replace("refine: crf ", f"refine: {refine} "))
    assert main(["use", str(image_folder()), "--quality", "best"]) == 0
    assert load_params().pseudo_masks.refine == refine
    assert load_params().evaluation.refine == refine


@pytest.mark.parametrize(
    ("dtype", "bands", "decoded"),
    [(np.uint8, 3, 10), (np.uint8, 1, 10), (np.uint16, 1, 12), (np.float32, 1, 16), (np.float32, 3, 32)],
)
def test_values_of_more_bits_need_more_memory(
    image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch, dtype: type, bands: int, decoded: int
) -> None:
    folder = image_folder()
    array = np.zeros((2000, 3000, bands)[: 2 if bands == 1 else 3], dtype)
    tifffile.imwrite(folder / "images/a.tif", array, photometric="rgb" if bands == 3 else "minisblack")
    monkeypatch.setattr("pipeline.commands.memory.free_memory", lambda: 2 * 6e6 * decoded - 1)
    message = memory_warning(folder, 2, 100)
    assert message is not None
    assert "decode an image of 6 megapixels" in message
    monkeypatch.setattr("pipeline.commands.memory.free_memory", lambda: 2 * 6e6 * decoded)
    assert memory_warning(folder, 2, 100) is None


def test_memory_that_would_run_out_is_said_first(
    image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder()
    Image.new("RGB", (2000, 1000)).save(folder / "images/photo-00.jpg")
    (folder / "masks/photo-00.png").unlink()
    monkeypatch.setenv("CAMSEG_WORKERS", "4")
    assert memory_warning(folder, 4, 100) is None
    monkeypatch.setattr("pipeline.commands.memory.free_memory", lambda: 50e6)
    message = memory_warning(folder, 4, 100)
    assert message is not None
    assert "4 processes that each decode an image of 2 megapixels need 0.1 GB of memory" in message
    assert "Set CAMSEG_WORKERS=2" in message
    assert memory_warning(folder, 2, 100) is None
    assert memory_warning(folder, 4, 1) is None  # larger images are refused before they are decoded
    monkeypatch.setattr("pipeline.commands.memory.free_memory", lambda: 10e6)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    assert main(["check", str(folder)]) == 0
    assert "Set CAMSEG_WORKERS=1" in capsys.readouterr().err


def test_use_keeps_copies_as_large_as_the_networks_look(image_folder: ImageFolder) -> None:
    text = Path("params.yaml").read_text().replace("max_side: 1024", "max_side: 200")
    Path("params.yaml").write_text(text.replace("max_side: 512", "max_side: 64"))
    folder = image_folder()
    for file in (folder / "images").iterdir():
        with Image.open(file) as image:
            image.resize((320, 240)).save(file)
    shutil.rmtree(folder / "masks")
    assert main(["check", str(folder)]) == 0
    assert main(["use", str(folder), "--weights", "none", "--encoder", "mobilenet_v2"]) == 0
    params = load_params()
    assert (params.data.long_side, params.data.max_side) == (320, 480)


def test_check_refuses_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "missing")]) == 2
    assert "missing: expected a folder of images, got none" in capsys.readouterr().err


def test_quality_sets_the_length_of_the_training(image_folder: ImageFolder) -> None:
    manifest = inspect_source(image_folder(), load_params(), "csv")[1].manifest
    assert manifest is not None
    many = replace(manifest, samples=manifest.samples * 200)
    training = load_params().segmentation.training
    steps = {q: fitting_steps(many, training, passes) for q, passes in SEGMENTATION_PASSES.items()}
    images = len(many.split("train"))
    assert steps == {"fast": round(images * 6 / 16), "balanced": images // 2, "best": images // 2}


def test_use_again_changes_nothing(image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder = image_folder()
    assert main(["use", str(folder)]) == 0
    assert load_params().classifier.weights == "pretrained"
    before = Path("params.yaml").read_bytes()
    capsys.readouterr()
    assert main(["use", str(folder)]) == 0
    assert Path("params.yaml").read_bytes() == before
    assert "params.yaml: nothing to change\n" in capsys.readouterr().out


def test_folder_inside_the_project_is_written_relative(project: Path, image_folder: ImageFolder) -> None:
    folder = image_folder("project/data/raw")
    for path in (str(folder), "data/raw", "./data/../data/raw/"):
        assert main(["use", path]) == 0
        assert load_params().data.path == "data/raw"


def test_classes_stay_with_the_folder_and_go_with_another(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder()
    other = image_folder("other", masks=False)
    table = other / "labels.csv"
    table.write_text(table.read_text().replace("disc", "ring").replace("square", "box"))
    assert main(["use", str(folder)]) == 0
    shutil.copy(table, folder)
    assert main(["use", str(folder)]) == 2  # new labels in the folder must not shift the ids of its masks
    assert "got 'ring'" in capsys.readouterr().err
    assert main(["use", str(other)]) == 0
    assert load_params().data.classes == ("box", "ring", "triangle")
    assert "There are no ground-truth masks" in capsys.readouterr().out


def test_use_does_not_depend_on_what_was_used_before(image_folder: ImageFolder) -> None:
    folder = str(image_folder())
    assert main(["use", folder, "--weights", "none"]) == 0
    fresh = load_params()
    assert main(["use", folder, "--quality", "best"]) == 0
    assert load_params() != fresh
    assert main(["use", folder, "--weights", "none"]) == 0
    assert load_params() == fresh


def test_a_preset_may_name_another_method(image_folder: ImageFolder) -> None:
    Path("mine.yaml").write_text("heatmaps: {methods: [gradcam]}\n")
    assert main(["use", str(image_folder()), "--quality", "fast", "--preset", "mine.yaml"]) == 0
    assert load_params().segmentation.supervision == ("gradcam", "full")


def test_a_preset_that_does_not_fit_is_told_of_params_yaml(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.yaml").write_text("heatmaps: {depths: 9}\n")
    assert main(["use", str(image_folder()), "--preset", "mine.yaml"]) == 2
    assert "camseg: params.yaml: 1 problem(s):\n  heatmaps.depths:" in capsys.readouterr().err
    assert Path("params.yaml").read_text() == SHIPPED.read_text()


@pytest.mark.parametrize("name", ["foo", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMSEG_DEVICE", name)
    with pytest.raises(
        ValueError, match=rf"^CAMSEG_DEVICE: expected a device of this machine, got '{name}': "
    ):
        pick_device()


def test_capital_letters_of_folders_make_no_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg")
    (tmp_path / "images" / "Images").mkdir(parents=True)
    (tmp_path / "a.jpg").rename(tmp_path / "images" / "Images" / "a.jpg")
    (tmp_path / "images" / "Labels.csv").write_text("image,labels\na.jpg,cat\n")
    assert main(["check", str(tmp_path / "images")]) == 1
    output = capsys.readouterr().out
    assert "read as csv" in output
    assert "images/Labels.csv: expected a split val, got none" in output


def test_use_writes_nothing_if_there_are_errors(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder()
    (folder / "images" / "photo-01.jpg").unlink()
    assert main(["use", str(folder)]) == 2
    assert Path("params.yaml").read_text() == SHIPPED.read_text()
    assert "params.yaml is unchanged: 1 error(s)" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing.pth", "notes.txt"])
def test_weights_that_are_no_file_are_refused(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path("notes.txt").touch()
    assert main(["use", str(image_folder()), "--weights", name]) == 2
    assert f"--weights: expected pretrained, none, or a .safetensors or .pth file, got '{name}'" in (
        capsys.readouterr().err
    )
    assert Path("params.yaml").read_text() == SHIPPED.read_text()


@pytest.mark.parametrize(
    ("fitting", "options", "expected"),
    [
        (["resnet18", "vgg11"], [], "resnet18"),  # the configured one
        (["vgg11", "mobilenet_v2"], [], "mobilenet_v2"),  # named in the file name
        (["vgg11", "vgg13"], [], "vgg11"),  # the first
        (["vgg11", "vgg13"], ["--encoder", "vgg13"], "vgg13"),
    ],
)
def test_encoder_follows_the_weights(
    image_folder: ImageFolder,
    monkeypatch: pytest.MonkeyPatch,
    fitting: list[str],
    options: list[str],
    expected: str,
) -> None:
    Path("mobilenet_v2_x.pth").touch()
    monkeypatch.setattr(weights, "encoder_fits", lambda name, path: name in fitting)
    monkeypatch.setattr(weights, "encoders_that_fit", lambda path: fitting)
    assert main(["use", str(image_folder()), "--weights", "mobilenet_v2_x.pth", *options]) == 0
    params = load_params()
    assert params.classifier.encoder == params.segmentation.encoder == expected
    assert params.classifier.weights == "mobilenet_v2_x.pth"


def test_a_checkpoint_of_timm_fits_the_shipped_encoder(image_folder: ImageFolder) -> None:
    save_file(timm.create_model("resnet10t").state_dict(), "model.safetensors")
    assert main(["use", str(image_folder()), "--weights", "model.safetensors"]) == 0
    params = load_params()
    assert params.classifier.encoder == params.segmentation.encoder == "tu-resnet10t"
    assert params.classifier.weights == "model.safetensors"


def test_weights_that_fit_nothing_are_refused(
    image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"a": torch.zeros(2, 3)}, "a.safetensors")
    monkeypatch.setattr(weights, "encoders_that_fit", lambda path: [])
    assert main(["use", str(image_folder()), "--weights", "a.safetensors"]) == 2
    assert "--weights a.safetensors: does not fit any encoder." in capsys.readouterr().err
    monkeypatch.setattr(weights, "encoders_that_fit", lambda path: ["vgg11"])
    assert main(["use", str(image_folder()), "--weights", "a.safetensors", "--encoder", "resnet18"]) == 2
    assert "does not fit the encoder resnet18. It fits vgg11." in capsys.readouterr().err


def test_unknown_encoder_is_refused(image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet17"]) == 2
    said = capsys.readouterr().err
    assert "encoder 'resnet17'" in said
    assert "Did you mean resnet18" in said


def test_without_params_there_is_a_plain_message(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").unlink()
    folder = str(image_folder())
    assert main(["use", folder]) == 2
    expected = "camseg: params.yaml: no such file. Run this in the folder of the project\n"
    assert capsys.readouterr().err == expected
    with pytest.raises(ParamsError):
        main(["use", folder, "--debug"])


def test_check_needs_no_params(image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(image_folder())
    assert main(["check", folder]) == 0
    with_params = capsys.readouterr().out
    Path("params.yaml").unlink()
    assert main(["check", folder]) == 0
    without = capsys.readouterr()
    assert without.out == with_params
    assert without.err.startswith(
        "camseg: no params.yaml in this folder; the values are those of a new project"
    )


@pytest.mark.parametrize(
    "command",
    ["check", "init", "use", "run", "download", "explain", "diagnose", "predict", "export", "corrections"],
)
def test_help_helps(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert f"\n    {command}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"\n  camseg {command}" in re.split(r"\nexamples?:", capsys.readouterr().out)[1]


def test_diagnose_needs_a_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(Path("data/prepared"), Manifest("", ("cat",), ()))
    assert main(["diagnose"]) == 2
    assert "there is no classifier yet. Run `camseg run` first" in capsys.readouterr().err


def test_commands_that_need_no_network_do_not_load_torch(image_folder: ImageFolder) -> None:
    code = (
        "import sys; from pipeline.__main__ import main; main(sys.argv[1:]); "
        "print(sorted({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SHIPPED.parent)}
    for arguments in (["check", str(image_folder())], ["corrections", "list"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_a_bug_keeps_its_traceback(image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.commands.check.estimate_seconds", lambda *_: np.zeros(2) + np.zeros(3))
    with pytest.raises(ValueError, match="could not be broadcast"):
        main(["check", str(image_folder())])


def test_a_reader_that_has_gone_is_no_error(image_folder: ImageFolder) -> None:
    command = [sys.executable, "-m", "pipeline", "check", str(image_folder())]
    environment = {**os.environ, "PYTHONPATH": str(SHIPPED.parent)}
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, env=environment, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_check_says_what_is_worth_a_look(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder()
    shutil.copy(folder / "images" / "photo-00.jpg", folder / "images" / "copy.jpg")
    with (folder / "labels.csv").open("a") as file:
        file.write("copy.jpg,disc,val\n")
    assert main(["check", str(folder), "--picture", "out/classes.png"]) == 0
    output = capsys.readouterr().out
    assert f"{folder}: read as csv\n" in output
    assert "worth a look\n  1 pair(s) look alike across the splits" in output
    assert "copy (val) = photo-00 (train)" in output
    with Image.open("out/classes.png") as image:
        assert image.width > image.height > 100


def test_use_finds_out_what_a_folder_is(
    tmp_path: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_coco(tmp_path / "images")
    shutil.copytree(tmp_path / "images" / "images", tmp_path / "images" / "more")
    for name in ("both", "dog", "crowd", "empty"):
        (tmp_path / "images" / "more" / f"{name}.jpg").rename(tmp_path / "images" / "images" / f"{name}2.jpg")
    file = tmp_path / "images" / "annotations" / "instances.json"
    document = read_json(file)
    images = [
        {**i, "id": i["id"] + 10, "file_name": i["file_name"].replace(".", "2.")} for i in document["images"]
    ]
    annotations = [{**a, "image_id": a["image_id"] + 10} for a in document["annotations"]]
    both = {"images": document["images"] + images, "annotations": document["annotations"] + annotations}
    write_json(file, {**document, **both})
    assert main(["use", str(tmp_path / "images"), "--weights", "none"]) == 0
    params = load_params()
    assert params.data.source == "coco"
    assert params.data.classes == ("cat", "dog")
    # Classes and new names stay with the folder.
    text = Path("params.yaml").read_text().replace("classes: [cat, dog]", "classes: [Hund]")
    Path("params.yaml").write_text(text.replace("rename: {}", "rename: {dog: Hund}"))
    assert main(["use", str(tmp_path / "images"), "--weights", "none"]) == 0
    assert load_params().data.classes == ("Hund",)
    assert load_params().data.rename == {"dog": "Hund"}
    assert "2 without one: images/crowd, images/crowd2" in capsys.readouterr().err
    assert main(["use", str(tmp_path / "images"), "--source", "voc"]) == 2
    assert "expected a folder with JPEGImages/" in capsys.readouterr().err


def test_download_without_a_network_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    assert main(["download", "voc2012", "voc"]) == 2
    assert (
        "VOCtrainval_11-May-2012.tar: cannot be reached (<urlopen error no route>)" in capsys.readouterr().err
    )
    assert not Path("voc").exists()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small archive in the place of the real one, whose content torchvision believes in; no network."""

    def fail(*_: object, **__: object) -> None:
        raise URLError("no route")

    file = Path("voc/VOCtrainval_11-May-2012.tar")
    file.parent.mkdir()
    with tarfile.open(file, "w") as tar:
        for name in ("Annotations/a.xml", "JPEGImages/a.jpg"):
            tar.addfile(tarfile.TarInfo(f"VOCdevkit/VOC2012/{name}"), io.BytesIO())
    known = {**voc.DATASET_YEAR_DICT["2012"], "md5": hashlib.md5(file.read_bytes()).hexdigest()}
    monkeypatch.setitem(voc.DATASET_YEAR_DICT, "2012", known)
    monkeypatch.setattr("urllib.request.urlopen", fail)
    return file


def test_download_unpacks_an_archive_that_is_there(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "voc2012", "voc"]) == 0
    assert "now run: camseg use voc/VOCdevkit/VOC2012" in capsys.readouterr().out
    files = {file.relative_to("voc").as_posix() for file in Path("voc").rglob("*") if file.is_file()}
    assert files == {archive.name} | {
        f"VOCdevkit/VOC2012/{name}" for name in ("Annotations/a.xml", "JPEGImages/a.jpg")
    }
    archive.unlink()
    assert main(["download", "voc2012", "voc"]) == 0  # nothing to do


def test_an_interrupted_download_is_not_complete(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_: str, folder: str) -> None:
        (Path(folder) / "VOCdevkit/VOC2012/Annotations").mkdir(parents=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("torchvision.datasets.utils.extract_archive", stop)
        assert main(["download", "voc2012", "voc"]) == 130
    assert not Path("voc/VOCdevkit/VOC2012").exists()
    assert main(["download", "voc2012", "voc"]) == 0
    assert Path("voc/VOCdevkit/VOC2012/JPEGImages/a.jpg").is_file()
    shutil.rmtree("voc/VOCdevkit")
    archive.write_bytes(archive.read_bytes()[:100])  # the download itself was interrupted
    assert main(["download", "voc2012", "voc"]) == 2
    assert "cannot be reached (<urlopen error no route>)" in capsys.readouterr().err


def test_download_names_a_broken_archive(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("File not found or corrupted.")

    archive.write_bytes(b"no archive")
    monkeypatch.setattr("pipeline.commands.download.require_answer", lambda url: None)
    monkeypatch.setattr("torchvision.datasets.utils.download_url", refuse)
    assert main(["download", "voc2012", "voc"]) == 2
    assert f"camseg: {archive}: File not found or corrupted" in capsys.readouterr().err
