"""Numbers by name on disk."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base import name_index
from pipeline.base.name_index import INDEX, NameIndex, read_name_index, write_name_index


@settings(max_examples=20)  # each writes a file to the disk
@given(names=st.lists(st.text(max_size=8), unique=True, max_size=20))
def test_every_name_finds_its_numbers_and_no_other_name_does(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    write_name_index(folder, names, shard=range(len(names)), start=range(7, len(names) + 7))
    index = read_name_index(folder)
    assert [index.find(name) for name in names] == [{"shard": i, "start": i + 7} for i in range(len(names))]
    assert index.find("x" * 9) is None


def test_it_is_read_once_until_it_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_name_index(tmp_path, ["a"], shard=[1])
    assert read_name_index(tmp_path) is read_name_index(tmp_path)
    write_name_index(tmp_path, ["a"], shard=[2])
    os.utime(tmp_path / INDEX, ns=(5, 5))
    assert read_name_index(tmp_path).find("a") == {"shard": 2}
    # Another folder of the same relative path is another store.
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_name_index(Path()).find("a") == {"shard": 2}
    monkeypatch.chdir(tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        read_name_index(Path())


def test_the_bytes_depend_on_the_rows_alone(tmp_path: Path) -> None:
    for folder, names in (("one", ["a", "b", "c"]), ("two", ["c", "a", "b"])):
        write_name_index(tmp_path / folder, names, shard=[ord(name) for name in names])
    assert (tmp_path / "one" / INDEX).read_bytes() == (tmp_path / "two" / INDEX).read_bytes()


def test_a_name_may_not_come_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="expected each name once"):
        write_name_index(tmp_path, ["a", "b", "a"], shard=[0, 1, 2])
    monkeypatch.setattr(name_index, "_hash", lambda _: np.uint64(3))
    with pytest.raises(ValueError, match="expected each name once"):
        write_name_index(tmp_path, ["a", "b"], shard=[0, 1])


def test_a_million_names_take_24_bytes_each() -> None:
    many = 10**6
    hashes = np.sort(np.random.default_rng(0).integers(0, 2**63, many).astype(np.uint64))
    index = NameIndex({"hashes": hashes, "shard": np.arange(many), "start": np.arange(many)})
    assert sum(values.nbytes for values in index.columns.values()) == 24 * many
