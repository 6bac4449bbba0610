"""The package `camseg`: what people use in Python."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from segmentation_models_pytorch import FPN

import camseg
from pipeline.__main__ import main
from pipeline.data.images import read_mask
from pipeline.heatmaps import explain
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet, save_segmentation_net

ROOT = Path(__file__).parents[1]
MODEL = "models/segmentation/cam"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with an untrained model and an image, turned by its EXIF tag."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    net = FPN("resnet18", encoder_weights=None, classes=3)
    save_segmentation_net(Path(MODEL), SegmentationNet(net, SegmentationConfig(("cat", "dog"), 96)))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 70, 3), np.uint8)).resize((140, 80))
    image.save("image.jpg", exif=exif)


def test_the_lines_of_the_readme_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (block,) = (block for block in blocks if "camseg.load_model" in block)
    names: dict[str, object] = {}
    exec(block, names)
    mask = names["mask"]
    assert isinstance(mask, np.ndarray)
    assert (mask.dtype, mask.shape) == (np.uint8, (140, 80))
    assert set(np.unique(mask)) <= {0, 1, 2}


def test_a_file_and_its_pixels_get_the_mask_of_the_command() -> None:
    model = camseg.load_model(Path(MODEL))
    assert model.config.classes == ("cat", "dog")
    assert not model.training
    with Image.open("image.jpg") as image:
        upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
    by_file = camseg.predict(model, "image.jpg")
    np.testing.assert_array_equal(camseg.predict(model, upright), by_file)
    assert len(np.unique(by_file)) > 1
    assert main(["predict", "image.jpg", "--model", MODEL, "--out", "out"]) == 0
    np.testing.assert_array_equal(read_mask(Path("out/masks/image.png")), by_file)


def test_scales_and_flip_are_averaged() -> None:
    model = camseg.load_model(MODEL)
    one = camseg.predict(model, "image.jpg", flip=False)
    for options in ({"flip": True}, {"flip": False, "scales": (1.0, 1.5)}):
        assert (camseg.predict(model, "image.jpg", **options) != one).any()


@pytest.mark.parametrize("folder", ["absent", "models", "."])
def test_a_folder_without_a_model_is_said(folder: str) -> None:
    with pytest.raises(ValueError, match=r"expected a segmentation model, got no camseg\.json"):
        camseg.load_model(folder)


def test_explain_is_that_of_the_room() -> None:
    assert camseg.explain is explain
