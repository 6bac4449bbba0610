"""Numbers by name, such as where an item lies in a store, for a million names."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import write_npz

INDEX = "index.npz"  # in the folder of a store: a store without it is unfinished
HASHES = "hashes"


class NameIndex:
    """Columns of numbers, a row for each name; only the hashes of the names are kept."""

    def __init__(self, columns: dict[str, NDArray[Any]]) -> None:
        self.hashes = columns[HASHES]  # uint64 (n,), rising
        self.columns = columns

    def find(self, name: str) -> dict[str, int] | None:
        """The numbers of `name`, by column; None if it has none."""
        wanted = _hash(name)
        row = int(np.searchsorted(self.hashes, wanted))
        if row == len(self.hashes) or self.hashes[row] != wanted:
            return None
        return {key: int(values[row]) for key, values in self.columns.items() if key != HASHES}


def write_name_index(folder: Path, names: Sequence[str], **columns: Sequence[int]) -> None:
    """Write the index of a store: one number of each column for each name.

    Raises:
        ValueError: a name comes twice. So do two names with one hash: of 10^6 names, once in 10^7 data sets.
    """
    hashes = np.array([_hash(name) for name in names], np.uint64)
    order = np.argsort(hashes)
    if (np.diff(hashes[order]) == 0).any():
        raise ValueError(f"{folder}: expected each name once")
    numbers = {key: np.array(values, np.int64)[order] for key, values in columns.items()}
    write_npz(folder / INDEX, {HASHES: hashes[order], **numbers})


def read_name_index(folder: Path) -> NameIndex:
    """The index of a store; read once per process, and again only after it was written again.

    Raises:
        FileNotFoundError: there is none.
    """
    file = (folder / INDEX).absolute()  # workers are kept from project to project
    found = file.stat()
    return _read(file, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=4)  # heatmaps, a second opinion, ground truth, corrected masks
def _read(file: Path, _written: int, _inode: int) -> NameIndex:
    with np.load(file, allow_pickle=False) as columns:
        return NameIndex(dict(columns))


def _hash(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()))
