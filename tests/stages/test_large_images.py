"""Images above `data.max_side`: their masks have the size of the copies, and come out at the images' own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.__main__ import main
from pipeline.data.images import mask_png, read_image, read_mask, resize_mask, write_mask
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.data.mask_store import mask_path
from pipeline.stages import prepare

SHIPPED = Path(__file__).parent.parent.parent / "params.yaml"
CHANGES = {
    "source: scenes": "source: csv",
    "path: data/raw": "path: photos",
    "long_side: 128": "long_side: 40",
    "max_side: 1024": "max_side: 60",
    "max_side: 512": "max_side: 60",
    "supervision_weight: 0.0": "supervision_weight: 1",
}


@pytest.fixture
def manifest(image_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The manifest of prepared images of 48 x 72, 64 x 40 and 56 x 80 pixels, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    text = SHIPPED.read_text()
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    Path("params.yaml").write_text(text)
    image_folder("photos")
    prepare.main()
    return read_manifest(paths.PREPARED)


def test_the_stages_see_the_copies(manifest: Manifest) -> None:
    for sample in manifest.samples:
        assert max(sample.height, sample.width) == 60 < max(sample.original_size)
        assert manifest.image(sample).shape[:2] == (sample.height, sample.width)
        mask = read_mask(mask_path(paths.GROUND_TRUTH, sample))
        own = read_mask(Path(f"photos/masks/{sample.name}.png"))
        np.testing.assert_array_equal(mask, resize_mask(own, (sample.height, sample.width)))


def test_corrections_have_the_size_of_the_image(
    manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = manifest.split("train")[0]
    own = read_mask(Path(f"photos/masks/{sample.name}.png"))
    own[0, :5] = 255
    Path("corrected").mkdir()
    small = resize_mask(own, (sample.height, sample.width))
    Path("corrected/classes.txt").write_text("".join(f"{name}\n" for name in manifest.classes))
    write_mask(Path(f"corrected/masks/{sample.name}.png"), small)
    assert main(["corrections", "add", "corrected"]) == 2
    assert "expected the {} x {} pixels".format(*sample.original_size) in capsys.readouterr().err
    write_mask(Path(f"corrected/masks/{sample.name}.png"), own)
    assert main(["corrections", "add", "corrected"]) == 0
    np.testing.assert_array_equal(read_mask(mask_path(paths.CORRECTIONS, sample)), own)
    prepare.main()
    for folder in (paths.CORRECTED, paths.ATTENTION):
        np.testing.assert_array_equal(read_mask(mask_path(folder, sample)), small)


def test_exports_have_the_size_of_the_images_and_come_back(manifest: Manifest) -> None:
    assert main(["export", "png", "out", "--masks", "full"]) == 0
    assert main(["export", "coco", "coco", "--masks", "full"]) == 0
    for sample in manifest.samples:
        file = Path(f"out/masks/{sample.name}.png")
        assert read_mask(file).shape == sample.original_size
        image = Path(f"images/{sample.name}.jpg")
        assert Path("coco", image).read_bytes() == Path("photos", image).read_bytes()
        if sample.split != "train":
            file.unlink()  # a mask that scores cannot train
    assert main(["corrections", "add", "out"]) == 0
    prepare.main()
    for sample in manifest.split("train"):
        np.testing.assert_array_equal(
            read_mask(mask_path(paths.CORRECTED, sample)), read_mask(mask_path(paths.GROUND_TRUTH, sample))
        )


def test_a_mask_of_another_size_is_not_enlarged(
    manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = manifest.samples[0]
    own = Path(f"photos/masks/{sample.name}.png")
    mask_path(paths.GROUND_TRUTH, sample).write_bytes(mask_png(read_mask(own)))
    assert main(["export", "png", "out", "--masks", "full"]) == 2
    assert f"expected {sample.height} x {sample.width} pixels as the data set says" in capsys.readouterr().err
    assert read_image(Path(f"photos/images/{sample.name}.jpg")).shape[:2] == sample.original_size
