"""The compact store of heatmaps on disk: uint8 at stride 4, in shards of named arrays.

A folder holds `shard-00000.safetensors`, ... with one array (P, h, w) per image, under the sample's name, and
`index.npz`, which tells the shard of each name. Value v stands for v / 255. Nothing is pickled.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from pipeline.base.files import write_bytes
from pipeline.base.name_index import INDEX, read_name_index, write_name_index
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.manifest import Sample
from pipeline.errors import UserError

OPEN_SHARDS = 16  # files that a store keeps open: neighbours in the manifest lie in few shards


def shard_file(folder: Path, shard: int) -> Path:
    """The path of shard number `shard`."""
    return folder / f"shard-{shard:05d}.safetensors"


def write_shard(folder: Path, shard: int, heatmaps: Mapping[str, StoredHeatmaps]) -> None:
    """Write one shard whole."""
    arrays = {name: np.ascontiguousarray(stored) for name, stored in heatmaps.items()}
    write_bytes(shard_file(folder, shard), save(arrays))


def write_index(folder: Path, shards: Sequence[Sequence[str]]) -> None:
    """Write where the names of each shard are; a store without its index is unfinished."""
    names = [name for shard in shards for name in shard]
    write_name_index(folder, names, shard=[number for number, shard in enumerate(shards) for _ in shard])


class HeatmapStore:
    """Read access to a folder of heatmaps, by sample; to be opened once for many samples.

    Raises:
        UserError: the store has no index.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.index = read_name_index(folder)
        except FileNotFoundError as error:
            raise UserError(f"{folder / INDEX}: no such file. Run `camseg run`: it makes heatmaps") from error
        self._shard = lru_cache(OPEN_SHARDS)(self._open_shard)

    def read(self, sample: Sample) -> StoredHeatmaps:
        """Heatmaps uint8 (P, h, w) of the sample's labels; (0, 1, 1) for a background image.

        Raises:
            UserError: no heatmaps of this sample, or not one per label.
        """
        if not sample.labels:
            return np.zeros((0, 1, 1), np.uint8)
        found = self.index.find(sample.name)
        if found is None:
            raise UserError(f"{self.folder}: no heatmaps of {sample.name!r}")
        stored: StoredHeatmaps = self._shard(found["shard"]).get_tensor(sample.name)
        if len(stored) != len(sample.labels):
            raise UserError(
                f"{self.folder}: {sample.name!r} has {len(stored)} heatmaps for {len(sample.labels)} labels"
            )
        return stored

    def _open_shard(self, number: int) -> Any:
        return safe_open(shard_file(self.folder, number), "numpy")
