"""The compact store of heatmaps: uint8 at stride 4, in shards of named arrays.

A folder holds `shard-00000.safetensors`, ... with one array (P, h, w) per image, under the sample's name, and
`index.json`, which tells the shard of each name. Value v stands for the heat v / 255. Nothing is pickled.
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
    """Where shard number `shard` lies."""
    return folder / f"shard-{shard:05d}.safetensors"


def write_shard(folder: Path, shard: int, heatmaps: Mapping[str, StoredHeatmaps]) -> None:
    """Write one shard whole."""
    write_bytes(
        shard_file(folder, shard), save({name: np.ascontiguousarray(h) for name, h in heatmaps.items()})
    )


def write_index(folder: Path, shards: Sequence[Sequence[str]]) -> None:
    """Write which names each shard holds; a store without it is unfinished."""
    write_json(folder / "index.json", {name: shard for shard, names in enumerate(shards) for name in names})


class HeatmapStore:
    """Read access to a folder of heatmaps, by sample."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: dict[str, int] = read_json(folder / "index.json")

    def read(self, sample: Sample) -> StoredHeatmaps:
        """Heatmaps uint8 (P, h, w) of the sample's labels; (0, 1, 1) for a background image.

        Raises:
            ValueError: there are none for this sample, or not one per label.
        """
        if not sample.labels:
            return np.zeros((0, 1, 1), np.uint8)
        if sample.name not in self.shards:
            raise UserError(f"{self.folder}: no heatmaps of {sample.name!r}")
        with safe_open(shard_file(self.folder, self.shards[sample.name]), "numpy") as file:
            heat: StoredHeatmaps = file.get_tensor(sample.name)
        if heat.shape[0] != len(sample.labels):
            raise UserError(
                f"{self.folder}: {sample.name!r} has {heat.shape[0]} heatmaps for {len(sample.labels)} labels"
            )
        return heat
