"""Folders of masks as files and as shards: one reader, one writer, the same bytes."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.base import parallel
from pipeline.data import mask_store
from pipeline.data.images import mask_png
from pipeline.data.manifest import Sample
from pipeline.data.mask_store import (
    count_ids,
    has_mask,
    load_mask,
    mask_png_of,
    mask_writer,
    tar_file,
    write_masks,
)

NAMES = ["a", "sub/é b", "sub/" + "long" * 30, "c.v2", "d"]  # longer than a field of a tar header


def sample(name: str) -> Sample:
    return Sample(name, f"{name}.png", "", 5, 7, (), "train", False, False)


def ids(name: str) -> np.ndarray:
    return np.random.default_rng(len(name)).integers(0, 4, (5, 7)).astype(np.uint8)


PNGS = {name: mask_png(ids(name)) for name in NAMES}


@pytest.fixture(params=[5, 4], ids=["files", "shards"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mask_store, "MOST_FILES", request.param)
    monkeypatch.setattr(parallel, "BLOCK", 2)
    write_masks(tmp_path / "masks", PNGS)
    return tmp_path / "masks"


def test_masks_come_back_as_they_were_written(folder: Path) -> None:
    for name in NAMES:
        assert has_mask(folder, sample(name))
        assert mask_png_of(folder, sample(name)) == PNGS[name]
        np.testing.assert_array_equal(load_mask(folder, sample(name)), ids(name))


def test_a_mask_that_is_not_there_is_named(folder: Path) -> None:
    assert not has_mask(folder, sample("nobody"))
    assert not has_mask(folder.parent / "none", sample("a"))
    with pytest.raises(ValueError, match=r"nobody\.png: no such file"):
        load_mask(folder, sample("nobody"))


def test_names_that_leave_the_folder_are_refused(folder: Path) -> None:
    for name in ("../a", "/a", "sub/../../a"):
        with pytest.raises(ValueError, match="leaves the folder"):
            mask_writer(folder, 1).write(0, {name: b""})
        with pytest.raises(ValueError, match="leaves the folder"):
            mask_writer(folder, 10**6).write(0, {name: b""})
        with pytest.raises(ValueError, match="leaves the folder"):
            load_mask(folder, sample(name))
    assert not (folder.parent / "a.png").exists()


def test_a_mask_larger_than_its_image_is_not_decoded(folder: Path) -> None:
    small = Sample("a", "", "", 2, 2, (), "train", False, False)
    with pytest.raises(ValueError, match="megapixels"):
        load_mask(folder, small)


def test_ids_are_counted_over_all_masks(folder: Path) -> None:
    expected = np.bincount(np.concatenate([ids(name).ravel() for name in [*NAMES, "a"]]), minlength=256)
    counted = count_ids(folder, [sample(name) for name in [*NAMES, "a"]])
    np.testing.assert_array_equal(counted, expected)
    assert not count_ids(folder, []).any()


def test_a_few_masks_are_files_and_more_are_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_masks(tmp_path / "few", PNGS)
    found = {f.relative_to(tmp_path / "few").as_posix() for f in (tmp_path / "few").rglob("*") if f.is_file()}
    assert found == {f"{name}.png" for name in NAMES}
    monkeypatch.setattr(mask_store, "MOST_FILES", 4)
    write_masks(tmp_path / "many", PNGS)
    assert {f.name for f in (tmp_path / "many").iterdir()} == {
        "index.npz",
        *(f"shard-{i:05d}.tar" for i in range(5)),
    }
    assert not mask_writer(tmp_path, 4).in_shards
    assert mask_writer(tmp_path, 5).in_shards


def test_any_program_opens_a_shard_and_nothing_tells_when_or_where_it_was_written(
    tmp_path: Path,
) -> None:
    writer = mask_writer(tmp_path, 10**6)
    assert not writer.has(0, NAMES)
    writer.write(0, PNGS)
    assert writer.has(0, NAMES)
    assert not writer.has(1, NAMES)
    with tarfile.open(tar_file(tmp_path, 0)) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == [f"{name}.png" for name in NAMES]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
        for member, png in zip(members, PNGS.values(), strict=True):
            file = archive.extractfile(member)
            assert file is not None
            assert file.read() == png


def test_a_folder_that_is_written_anew_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_store, "MOST_FILES", 0)
    for value in (1, 2):
        write_masks(tmp_path, {"a": mask_png(np.full((5, 7), value, np.uint8))})
        assert (load_mask(tmp_path, sample("a")) == value).all()
