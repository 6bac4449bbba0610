"""`camseg explain` with the pipeline's own classifier and with those of libraries."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from pipeline.__main__ import main
from pipeline.classifier.network import make_classifier, save_classifier
from pipeline.commands.explain_images import choose_labels
from pipeline.data.images import read_image
from pipeline.params import load_params
from tests.image_folder import write_image_file

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("disc", "square", "triangle")
IMAGE = np.random.default_rng(0).integers(256, size=(48, 80, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained classifier."""
    folder = tmp_path_factory.mktemp("classifier")
    torch.manual_seed(0)
    save_classifier(folder, make_classifier(load_params(SHIPPED).classifier, CLASSES))
    return folder


@pytest.fixture(autouse=True)
def project(classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with an untrained classifier and two images as the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    Path("models").mkdir()
    Path("models/classifier").symlink_to(classifier)  # no test changes it
    for name in ("a.png", "b.png"):
        write_image_file(Path(name), IMAGE)


def test_own_classifier_needs_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "a.png", "b.png", "--npz", "--out", "out"]) == 0
    assert "2 image(s) explained in out, 0 skipped" in capsys.readouterr().out
    for image in ("a", "b"):
        names = {file.name for file in Path("out", image).iterdir()}
        methods = ("cam", "gradcam", "gradcampp", "layercam")
        assert names == {f"{m}-{c}.png" for m in methods for c in CLASSES} | {"grid.png", "heatmaps.npz"}
        assert read_image(Path("out", image, "cam-disc.png")).shape == (48, 80, 3)
        with np.load(Path("out", image, "heatmaps.npz"), allow_pickle=False) as arrays:
            assert set(arrays["classes"]) == set(CLASSES)
            assert arrays["gradcam"].shape == (3, 77, 128)  # the size that the classifier saw
            assert arrays["gradcam"].max() == 1


def test_broken_images_are_named_and_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.jpg").write_bytes(b"no image")
    assert main(["explain", "broken.jpg", "a.png", "missing.png", "--out", "out"]) == 1
    captured = capsys.readouterr()
    assert "skipped: broken.jpg" in captured.err
    assert "skipped: missing.png" in captured.err
    assert "1 image(s) explained in out, 2 skipped" in captured.out
    assert {folder.name for folder in Path("out").iterdir()} == {"a"}


def test_images_of_one_name_do_not_overwrite_each_other() -> None:
    write_image_file(Path("other/a.png"), IMAGE)
    assert (
        main(["explain", "a.png", "other/a.png", "--classes", "disc", "--methods", "cam", "--out", "out"])
        == 0
    )
    assert {folder.name for folder in Path("out").iterdir()} == {"a", "a-2"}


def test_models_of_torchvision_and_methods_of_grad_cam() -> None:
    options = ["--model", "torchvision:resnet18", "--weights", "none", "--long-side", "64"]
    methods = "gradcam,ablationcam,eigencam"
    assert (
        main(["explain", "a.png", *options, "--classes", "tabby,tench", "--methods", methods, "--out", "out"])
        == 0
    )
    names = {file.name for file in Path("out/a").iterdir()}
    assert names == {f"{m}-{c}.png" for m in methods.split(",") for c in ("tabby", "tench")} | {"grid.png"}


def test_models_of_timm_and_weights_from_a_file() -> None:
    torch.manual_seed(1)
    net = models.resnet18(num_classes=3)
    save_file(net.state_dict(), "own.safetensors")
    options = ["--model", "timm:resnet18", "--weights", "own.safetensors", "--layer", "layer3.-1"]
    assert main(["explain", "a.png", *options, "--classes", "class 2", "--out", "out"]) == 0
    names = {file.name for file in Path("out/a").iterdir()}
    assert names == {"gradcam-class_2.png", "gradcampp-class_2.png", "layercam-class_2.png", "grid.png"}


def test_classes_of_like_names_do_not_overwrite_each_other() -> None:
    classes = ("a b", "a_b", "A_B", "a_b-2", "\u00e9/")
    save_classifier(Path("models/like"), make_classifier(load_params().classifier, classes))
    options = ["--model", "models/like", "--classes", ",".join(classes), "--methods", "cam"]
    assert main(["explain", "a.png", *options, "--out", "out"]) == 0
    names = sorted(file.name for file in Path("out/a").iterdir())
    expected = ["a_b", "a_b-2", "A_B-3", "a_b-2-2", "\u00e9_"]  # some disks take A and a for the same
    assert names == sorted([f"cam-{name}.png" for name in expected] + ["grid.png"])


@pytest.mark.parametrize("name", ["\u00e9" * 200, "\U0001f408/" * 100, "L" * 300])
def test_long_names_of_classes_fit_into_names_of_files(name: str) -> None:
    classes = (name, f"{name}!", "disc")
    save_classifier(Path("models/long"), make_classifier(load_params().classifier, classes))
    options = ["--model", "models/long", "--classes", "top3", "--methods", "cam"]
    assert main(["explain", "a.png", *options, "--out", "out"]) == 0
    assert len(list(Path("out/a").glob("cam-*.png"))) == 3


def test_a_class_may_have_commas() -> None:
    classes = ("a, b", "a", "b")
    save_classifier(Path("models/commas"), make_classifier(load_params().classifier, classes))
    options = ["--model", "models/commas", "--methods", "cam"]
    assert main(["explain", "a.png", *options, "--classes", "a, b", "--out", "one"]) == 0
    assert {file.name for file in Path("one/a").iterdir()} == {"cam-a_b.png", "grid.png"}
    assert main(["explain", "a.png", *options, "--classes", "b,a", "--out", "two"]) == 0
    assert {file.name for file in Path("two/a").iterdir()} == {"cam-a.png", "cam-b.png", "grid.png"}


@pytest.mark.parametrize("name", ["...png", "..png"])
def test_nothing_is_written_beside_the_folder(name: str) -> None:
    write_image_file(Path("dots.png"), IMAGE)
    Path("dots.png").rename(name)
    assert main(["explain", name, "--classes", "disc", "--methods", "cam", "--out", "some/out"]) == 0
    assert {file.as_posix() for file in Path("some").rglob("*.png")} == {
        "some/out/image/cam-disc.png",
        "some/out/image/grid.png",
    }


def test_a_class_asked_for_twice_is_shown_once() -> None:
    assert main(["explain", "a.png", "--classes", "disc,disc", "--methods", "cam,cam", "--out", "out"]) == 0
    assert {file.name for file in Path("out/a").iterdir()} == {"cam-disc.png", "grid.png"}


def test_the_device_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMSEG_DEVICE", "nonsense")
    assert main(["explain", "a.png", "--out", "out"]) == 2
    assert "CAMSEG_DEVICE: expected a device of this machine, got 'nonsense'" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_heatmaps(monkeypatch: pytest.MonkeyPatch) -> None:
    heatmaps = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("CAMSEG_DEVICE", device)
        methods = "cam,gradcampp,eigencam"
        options = ["--methods", methods, "--classes", "disc,square", "--npz", "--out", device]
        assert main(["explain", "a.png", *options]) == 0
        with np.load(Path(device, "a", "heatmaps.npz"), allow_pickle=False) as arrays:
            heatmaps[device] = {name: arrays[name] for name in methods.split(",")}
    for name, heat in heatmaps["cpu"].items():
        np.testing.assert_allclose(heatmaps["cuda"][name], heat, atol=0.02, err_msg=name)


ONE_SIZE = {
    "swin": "timm:swin_tiny_patch4_window7_224",
    "vit": "timm:vit_tiny_patch16_224",
    "vit of torchvision": "torchvision:vit_b_16",
    "long side of its own": "timm:swinv2_cr_tiny_ns_224",
}


@pytest.mark.parametrize("model", ONE_SIZE.values(), ids=ONE_SIZE)
def test_networks_of_one_size_get_images_of_that_size(model: str) -> None:
    options = ["--model", model, "--weights", "none", "--classes", "top1", "--npz", "--methods", "gradcam"]
    assert main(["explain", "a.png", *options, "--out", "out"]) == 0
    with np.load("out/a/heatmaps.npz", allow_pickle=False) as arrays:
        assert arrays["gradcam"].shape == (1, 224, 224)
    assert read_image(Path("out/a/grid.png")).shape[1] > 80


RESNET = ["--model", "torchvision:resnet18", "--weights", "none"]
RESNET_LAYERS = "one of conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, avgpool, fc"


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ([*RESNET, "--layer", "layer4.1.relu"], ["called more than once", RESNET_LAYERS]),
        ([*RESNET, "--layer", "fc"], ["got shape (1, 1000)", RESNET_LAYERS]),
        (
            [*RESNET, "--long-side", "32"],
            ["its last feature map is 1 x 1", "--long-side makes images larger"],
        ),
        ([*RESNET, "--long-side", "32", "--layer", "layer4"], ["its last feature map is 1 x 1"]),
        (
            ["--model", "timm:mixer_s32_224", "--weights", "none"],
            ["no feature map", "one of stem, blocks, norm"],
        ),
        (
            ["--model", "timm:vit_tiny_patch16_224", "--weights", "none", "--layer", "head"],
            ["one of patch_embed"],
        ),
        (
            ["--model", "timm:vit_tiny_patch16_224", "--weights", "none", "--methods", "ablationcam"],
            ["ablationcam: grad-cam cannot make it of this layer"],
        ),
        ([*RESNET, "--layer", "layer4.1.relu"], ["called more than once"]),
    ],
)
def test_what_cannot_be_explained_is_a_sentence(
    options: list[str], messages: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "a.png", *options, "--out", "out"]) == 2
    error = capsys.readouterr().err
    for message in messages:
        assert message in error
    assert "reshape" not in error


@pytest.mark.parametrize(
    ("classes", "files"),
    [
        ("134", {"crane_134"}),
        ("134,517", {"crane_134", "crane_517"}),
        ("639", {"maillot_639"}),
        ("tabby,281,0", {"tabby", "tench"}),  # 281: tabby
    ],
)
def test_classes_of_one_name_are_asked_for_by_index(classes: str, files: set[str]) -> None:
    options = [*RESNET, "--long-side", "64", "--methods", "gradcam", "--classes", classes]
    assert main(["explain", "a.png", *options, "--out", "out"]) == 0
    names = {file.name for file in Path("out/a").iterdir()}
    assert names == {f"gradcam-{file}.png" for file in files} | {"grid.png"}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("crane", "'crane' names several classes, 134 and 517: ask for one as 134"),
        ("tabby,maillot", "'maillot' names several classes, 638 and 639"),
        ("1000", "expected an index in 0..999, got 1000"),
        ("-1", "the model has no class '-1'"),
    ],
)
def test_names_of_several_classes_are_refused(
    classes: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*RESNET, "--long-side", "64", f"--classes={classes}"]
    assert main(["explain", "a.png", *options, "--out", "out"]) == 2
    assert message in capsys.readouterr().err


def test_a_number_that_is_a_name_stays_a_name() -> None:
    probabilities = torch.zeros(3)
    assert choose_labels("2", ("2", "1", "0"), probabilities) == [0]
    assert choose_labels("0,1", ("2", "1", "0"), probabilities) == [2, 1]
    assert choose_labels("2,a", ("a", "b", "c"), probabilities) == [2, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "sqare"], "the model has no class 'sqare'; near: square"),
        (["--methods", "camm"], "--methods: expected some of six, cam, gradcam"),
        (["--model", "models/none"], "models/none: there is no classifier. Run `camseg run` first"),
        (["--model", "torchvision:resnet19"], "torchvision has no classifier 'resnet19'"),
        (["--model", "timm:resnet19"], "resnet19"),
        (["--layer", "encoder.layer9"], "expected one of"),
    ],
)
def test_wrong_requests_say_what_there_is(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "a.png", *options, "--out", "out"]) == 2
    assert message in capsys.readouterr().err


def test_no_params_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert main(["explain", "../a.png", "--model", "../models/classifier", "--out", "out"]) == 0
    assert Path("out/a/grid.png").is_file()
