"""`data.on_bad_image` and `data.max_megapixels`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.params import Source
from tests.data.folders import add_images, inspect, labels
from tests.image_folder import write_image_file

ImageFolder = Callable[..., Path]


def break_some(folder: Path) -> None:
    (folder / "images" / "photo-00.jpg").write_bytes(b"no image")
    (folder / "images" / "photo-01.jpg").unlink()
    (folder / "masks" / "photo-02.png").write_bytes(b"no image")
    write_image_file(folder / "masks" / "photo-03.png", np.zeros((99, 98), np.uint8))  # larger than its image


def test_bad_images_are_errors_or_left_out(image_folder: ImageFolder) -> None:
    folder = image_folder()
    break_some(folder)
    assert len(inspect("csv", folder).errors) == 2
    inspection = inspect("csv", folder, on_bad_image="skip")
    assert inspection.errors == ()
    assert sorted(labels(inspection)) == [f"photo-{i:02d}" for i in range(2, 12)]
    for name in ("photo-00.jpg", "photo-01.jpg"):
        (line,) = [line for line in inspection.warnings if name in line]
        assert line.endswith("It is left out (data.on_bad_image).")


def write_labels(source: Source, folder: Path, names: list[str]) -> None:
    """What `source` writes for images `names` that show cats and dogs in turn."""
    kinds = dict(zip(names, ("cat", "dog") * len(names), strict=False))
    shape = {"shape_type": "polygon", "points": [[1, 1], [4, 1], [4, 4]]}
    choice = {"type": "choices", "from_name": "choice", "to_name": "image"}
    match source:
        case "labelme":
            for name, kind in kinds.items():
                document = {"imagePath": name, "shapes": [shape | {"label": kind}]}
                (folder / name).with_suffix(".json").write_text(json.dumps(document))
        case "labelstudio":
            tasks = [
                {"data": {"image": n}, "annotations": [{"result": [choice | {"value": {"choices": [k]}}]}]}
                for n, k in kinds.items()
            ]
            (folder / "export.json").write_text(json.dumps(tasks))
        case "cvat":
            tags = [
                f'<image name="{n}" width="8" height="6"><tag label="{k}"/></image>' for n, k in kinds.items()
            ]
            (folder / "annotations.xml").write_text(f"<annotations>{''.join(tags)}</annotations>")
        case "via":
            outline = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
            entries = {
                n: {
                    "filename": n,
                    "size": 1,
                    "regions": [{"shape_attributes": outline, "region_attributes": {"class": k}}],
                    "file_attributes": {},
                }
                for n, k in kinds.items()
            }
            (folder / "via.json").write_text(json.dumps(entries))


@pytest.mark.parametrize("source", ["labelme", "labelstudio", "cvat", "via"])
def test_images_that_are_not_there_are_left_out_in_every_format(source: Source, tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(12)]
    add_images(tmp_path, *names)
    write_labels(source, tmp_path, names)
    (tmp_path / "4.png").unlink()
    (tmp_path / "7.png").write_bytes(b"no image")
    errors = inspect(source, tmp_path).errors
    assert len(errors) == 2
    assert any("expected one image for '4.png', got none. Copy it there" in error for error in errors)
    inspection = inspect(source, tmp_path, on_bad_image="skip")
    assert inspection.errors == ()
    assert sorted(labels(inspection)) == sorted(str(i) for i in range(12) if i not in (4, 7))
    lines = [line for line in inspection.warnings if line.endswith("It is left out (data.on_bad_image).")]
    assert len(lines) == 2
    add_images(tmp_path, "a/5.png", "b/5.png")
    (tmp_path / "5.png").unlink()
    (error,) = inspect(source, tmp_path, on_bad_image="skip").errors
    assert "got 2: a/5.png, b/5.png" in error, "that one is not missing"


def test_a_bad_mask_costs_the_mask_and_not_the_label(image_folder: ImageFolder) -> None:
    folder = image_folder()
    (folder / "masks" / "photo-02.png").write_bytes(b"no image")
    write_image_file(folder / "masks" / "photo-03.png", np.zeros((99, 98), np.uint8))  # larger than its image
    inspection = inspect("csv", folder)
    (line,) = [line for line in inspection.warnings if "2 images with others" in line]
    assert "photo-02 (cannot be read" in line
    assert "photo-03 (drawn for 99 x 98 pixels (height x width), the image has 48 x 72)" in line
    assert inspection.manifest is not None
    masked = {sample.name for sample in inspection.manifest.samples if sample.mask}
    assert masked == {f"photo-{i:02d}" for i in range(12) if i not in (2, 3)}


def test_masks_of_which_none_can_be_read_are_an_error(image_folder: ImageFolder) -> None:
    folder = image_folder()
    for file in (folder / "masks").iterdir():
        file.write_bytes(b"")
    (error,) = inspect("csv", folder).errors
    assert "in the size of their images, got none in 12" in error


def test_nothing_left_is_an_error(image_folder: ImageFolder) -> None:
    folder = image_folder()
    for file in (folder / "images").iterdir():
        file.write_bytes(b"")
    inspection = inspect("csv", folder, on_bad_image="skip")
    assert any("expected at least one image, got none" in line for line in inspection.errors)


def test_large_images_need_the_parameter(image_folder: ImageFolder) -> None:
    folder = image_folder()
    Image.new("RGB", (80, 56)).resize((2000, 1400)).save(folder / "images" / "photo-00.jpg")
    (folder / "masks" / "photo-00.png").unlink()
    (error,) = inspect("csv", folder, max_megapixels=2.5).errors
    assert "photo-00.jpg (labels.csv, line 2)" in error
    assert "at most 2.5 megapixels, got 1400 x 2000" in error
    inspection = inspect("csv", folder, max_megapixels=2.8, max_side=2000)
    assert inspection.manifest is not None
    first = inspection.manifest.samples[0]
    assert inspection.manifest.image(first).shape == (first.height, first.width, 3) == (1400, 2000, 3)


def test_a_mask_that_is_a_link_to_elsewhere_is_refused(image_folder: ImageFolder, tmp_path: Path) -> None:
    folder = image_folder()
    mask = folder / "masks" / "photo-00.png"
    mask.rename(tmp_path / "secret.png")
    mask.symlink_to(tmp_path / "secret.png")
    inspection = inspect("csv", folder)
    assert inspection.manifest is not None
    assert not inspection.manifest.samples[0].mask
    assert any("leaves the folder" in line for line in inspection.warnings)
