"""The manifest on disk."""

import tracemalloc
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.files import check_inside, write_json
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, read_manifest, write_manifest
from pipeline.data.mask_store import load_mask, mask_path

SAMPLE = Sample("cats/a", "images/cats/a.jpg", "0" * 64, 2, 3, (0, 2), "train", True, False)


def manifest_of(*samples: Sample) -> Manifest:
    return Manifest("data/raw", ("cat", "cow", "dog"), samples)


def test_comes_back_as_written(tmp_path: Path) -> None:
    manifest = manifest_of(SAMPLE, replace(SAMPLE, name="b", labels=(), split="val"))
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert [s.name for s in manifest.split("val")] == ["b"]


NAMES = st.text(max_size=6) | st.sampled_from(["a],", '"', "\n", "\u2028", "\ud800", "a/..b", "c:d", "..."])


@settings(max_examples=20)  # each writes a file to the disk
@given(names=st.lists(NAMES.filter(lambda name: not outside(name)), max_size=5))
def test_any_name_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    manifest = manifest_of(*(replace(SAMPLE, name=name, image=name) for name in names))
    write_manifest(folder, manifest)
    assert read_manifest(folder) == manifest


def outside(name: str) -> bool:
    """Whether `name` leaves its folder here or on Windows."""
    parts = {*name.split("/"), *name.split("\\")}
    return ".." in parts or name[:1] in ("/", "\\") or "\0" in name or PureWindowsPath(name).is_absolute()


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../../b", "a/..", "/a", "\\a", "a\\..\\b", "C:/a", "c:\\a", "a\0"]
)
def test_names_outside_are_refused_without_a_look_at_the_disk(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Path, "resolve")
    assert outside(name)
    with pytest.raises(ValueError, match="leaves the folder"):
        check_inside(Path("folder"), name)
    for fine in ("a", "a/b", "a..b", "..a/b..", "a/...", "a b", "a:b"):
        check_inside(Path("folder"), fine)


def test_the_manifest_of_another_version_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", {"root": "", "classes": [], "samples": [{"name": "a"}]})
    with pytest.raises(
        ValueError, match=r"manifest\.json: another version of camseg wrote it\. Run `camseg run`"
    ):
        read_manifest(tmp_path)


def test_a_sample_takes_half_a_kilobyte(tmp_path: Path) -> None:
    samples = [
        replace(SAMPLE, name=f"folder/image-{i:05d}", image=f"folder/image-{i:05d}.jpg", height=300 + i % 9)
        for i in range(4000)
    ]
    samples = [replace(s, sha256=sha256(s.name.encode()).hexdigest()) for s in samples]
    write_manifest(tmp_path, manifest_of(*samples))
    tracemalloc.start()
    try:
        manifest = read_manifest(tmp_path)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(manifest.samples) == 4000
    assert taken < 500 * 4000


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
