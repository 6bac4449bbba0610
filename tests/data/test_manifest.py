"""The manifest on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path, read_manifest, write_manifest

SAMPLE = Sample("cats/a", "images/cats/a.jpg", "0" * 64, 2, 3, (0, 2), "train", True, False)


def manifest_of(*samples: Sample) -> Manifest:
    return Manifest("data/raw", ("cat", "cow", "dog"), samples)


def test_comes_back_as_written(tmp_path: Path) -> None:
    manifest = manifest_of(SAMPLE, replace(SAMPLE, name="b", labels=(), split="val"))
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert [s.name for s in manifest.split("val")] == ["b"]


@pytest.mark.parametrize(
    "change", [{"name": "../a"}, {"name": "/a"}, {"split": "training"}, {"labels": (3,)}, {"labels": (-1,)}]
)
def test_samples_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_manifest(tmp_path, manifest_of(replace(SAMPLE, **change)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"leaves the folder|unknown split or label"):
        read_manifest(tmp_path)


def test_images_and_masks_are_found_by_name(tmp_path: Path) -> None:
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    sample = replace(SAMPLE, image="images/cats/a.png")
    write_image(tmp_path / "images" / "cats" / "a.png", image)
    write_mask(mask_path(tmp_path / "masks", sample), image[..., 0])
    manifest = replace(manifest_of(sample), root=str(tmp_path))
    np.testing.assert_array_equal(manifest.image(sample), image)
    np.testing.assert_array_equal(load_mask(tmp_path / "masks", sample), image[..., 0])


def test_an_image_outside_the_root_is_never_read(tmp_path: Path) -> None:
    write_image(tmp_path / "secret.png", np.zeros((2, 3, 3), np.uint8))
    (tmp_path / "root").mkdir()
    manifest = replace(manifest_of(SAMPLE), root=str(tmp_path / "root"))
    with pytest.raises(ValueError, match=r"leaves the folder"):
        manifest.image(replace(SAMPLE, image="../secret.png"))
