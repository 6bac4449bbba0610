"""The compact store of heatmaps on disk: uint8 at stride 4, in shards of named arrays.

A folder holds `shard-00000.safetensors`, ... with one array (P, h, w) per image, under the sample's name, and
`index.json`, which tells the shard of each name. Value v stands for v / 255. Nothing is pickled.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from pipeline.base.files import read_json, write_bytes, write_json
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.manifest import Sample
from pipeline.errors import UserError


def shard_file(folder: Path, shard: int) -> Path:
    """The path of shard number `shard`."""
    return folder / f"shard-{shard:05d}.safetensors"


def write_shard(folder: Path, shard: int, heatmaps: Mapping[str, StoredHeatmaps]) -> None:
    """Write one shard whole."""
    arrays = {name: np.ascontiguousarray(stored) for name, stored in heatmaps.items()}
    write_bytes(shard_file(folder, shard), save(arrays))


def write_index(folder: Path, shards: Sequence[Sequence[str]]) -> None:
    """Write the names of each shard; a store without its index is unfinished."""
    write_json(folder / "index.json", {name: shard for shard, names in enumerate(shards) for name in names})


class HeatmapStore:
    """Read access to a folder of heatmaps, by sample."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: dict[str, int] = read_json(folder / "index.json")

    def read(self, sample: Sample) -> StoredHeatmaps:
        """Heatmaps uint8 (P, h, w) of the sample's labels; (0, 1, 1) for a background image.

        Raises:
            ValueError: no heatmaps of this sample, or not one per label.
        """
        if not sample.labels:
            return np.zeros((0, 1, 1), np.uint8)
        if sample.name not in self.shards:
            raise UserError(f"{self.folder}: no heatmaps of {sample.name!r}")
        with safe_open(shard_file(self.folder, self.shards[sample.name]), "numpy") as file:
            stored: StoredHeatmaps = file.get_tensor(sample.name)
        if len(stored) != len(sample.labels):
            raise UserError(
                f"{self.folder}: {sample.name!r} has {len(stored)} heatmaps for {len(sample.labels)} labels"
            )
        return stored
