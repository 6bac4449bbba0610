"""Heatmaps of a whole data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from torch import Tensor, nn

from pipeline.base.sizes import grid_size, working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.device import autocast
from pipeline.engine.mapping import Batch, ImagePass, map_blocks, split_blocks
from pipeline.engine.processes import group
from pipeline.engine.tiling import map_tiles
from pipeline.heatmaps.class_maps import ClassMaps, class_maps
from pipeline.heatmaps.hooks import first_output
from pipeline.heatmaps.layers import TargetLayer, earlier_layers
from pipeline.heatmaps.multi_scale import (
    EACH,
    TOGETHER,
    DepthsMaker,
    add_depths,
    evened,
    fuse_depths,
)
from pipeline.heatmaps.random_walk import walk
from pipeline.heatmaps.store import shard_file, write_index, write_shard
from pipeline.heatmaps.walk_features import WalkFeatures
from pipeline.params import HeatmapParams

# Maps that do not depend on how many cells an image has: CAM has the weights, and in the channel weights of
# Grad-CAM++, w_ck / (2 + w_ck F_k) with global average pooling, the number of cells cancels out.
SIZELESS = "cam", "gradcampp"


@dataclass(frozen=True)
class HeatmapMaker:
    """A network in eval mode and how its heatmaps are made."""

    net: nn.Module  # images (N, 3, h, w) in [0, 1] -> logits (N, C)
    target: TargetLayer  # a layer of `net`
    # The module of `net` that gives its feature maps at all depths, a list of (N, K, h, w). The walk compares
    # these maps at its scale, and the maps by the last `params.depths` of them are added.
    backbone: nn.Module
    params: HeatmapParams
    long_side: int  # pixels of the working resolution
    background: bool = True  # whether the data have one; else the classes compete for each cell
    tile: int | None = None  # pixels of the side of a tile; None: images are not cut
    walk_features: WalkFeatures | None = None  # what else the walk compares

    @cached_property
    def earlier(self) -> list[nn.Module]:
        """The layers before the target whose maps are added."""
        return earlier_layers(self.backbone, self.params.depths - 1)

    def heatmaps(self, batch: Batch) -> dict[str, Tensor]:
        """Heatmaps of the labels of a batch by each method, float32 (N, P, h, w) in [0, 1].

        In data without background the heat of the classes is compared cell by cell, so their maps keep a
        part of their proportions.

        Args:
            batch: with its images at every scale, in the order of `scaled_sides`.
        """
        # Before the hook of `first_output`: finding the earlier layers takes a forward pass of its own.
        make_maps = self.map_maker([sample.labels for sample in batch.samples])
        first = batch.samples[0]
        size = grid_size(*working_size(first.height, first.width, self.long_side))
        peaks = EACH if self.background else TOGETHER
        with first_output(self.backbone) as outputs:
            depths = fuse_depths(make_maps, batch.views, size, flip=self.params.flip, peaks=peaks)
        heatmaps = add_depths(depths, peaks)
        if self.params.walk.restart < 1:
            heatmaps = walk(heatmaps, outputs[0], self.params.walk, peaks, self.outer(batch.views[0]))
        return heatmaps if self.background else {method: evened(maps) for method, maps in heatmaps.items()}

    def outer(self, images: Tensor) -> Tensor | None:
        """The features of another encoder for the walk, (N, K, h, w)."""
        if self.walk_features is None:
            return None
        with autocast(images.device):
            features: Tensor = self.walk_features(images)
        return features

    def map_maker(self, classes: Sequence[tuple[int, ...]]) -> DepthsMaker:
        """What makes the maps of images of these classes, tile by tile where images are cut."""
        methods, earlier = self.params.methods, self.earlier

        def tile_maps(whole: int, tiles: Tensor) -> list[Tensor]:
            with autocast(tiles.device):
                made = class_maps(self.net, tiles, classes, methods, self.target, earlier=earlier)
            share = tiles[0].numel() / whole  # of a mean over fewer cells, the gradient is larger
            by_method = (maps if method in SIZELESS else maps * share for method, maps in made.maps.items())
            return [*by_method, *(maps * share for maps in made.earlier)]

        def make_maps(images: Tensor) -> ClassMaps:
            joined = map_tiles(images, self.tile, partial(tile_maps, images[0].numel()))
            by_method = {str(method): maps for method, maps in zip(methods, joined, strict=False)}
            return ClassMaps(by_method, classes, tuple(joined[len(methods) :]))

        return make_maps


def make_heatmaps(
    maker: HeatmapMaker,
    manifest: Manifest,
    samples: Sequence[Sample],
    folders: Mapping[str, Path],
) -> None:
    """Write the heatmaps of the labels of `samples` by each method into its folder, block by block.

    Images without labels are left out, and shards on disk are kept. Of several processes the first returns.
    """
    shown = [sample for sample in samples if sample.labels]
    work = ImagePass(
        "heatmaps",
        manifest,
        scaled_sides(maker.params, maker.long_side),
        batch_size(maker),
        lambda batch: stored(batch.samples, maker.heatmaps(batch)),
    )

    def write(block: int, heatmaps: Mapping[str, dict[str, StoredHeatmaps]]) -> None:
        for method, folder in folders.items():
            write_shard(folder, block, {name: by_method[method] for name, by_method in heatmaps.items()})

    map_blocks(shown, work, lambda n: all(shard_file(f, n).exists() for f in folders.values()), write)
    group().keep(1)
    for folder in folders.values():
        write_index(folder, [[sample.name for sample in block] for block in split_blocks(shown)])


def batch_size(maker: HeatmapMaker) -> int:
    """Images of a batch: fewer where they are cut, since a batch holds whole images."""
    tiles = 1 if maker.tile is None else round(maker.long_side / maker.tile)
    return max(1, maker.params.batch_size // tiles**2)


def stored(samples: Sequence[Sample], heatmaps: Mapping[str, Tensor]) -> list[dict[str, StoredHeatmaps]]:
    """For each sample its heatmaps by method: float32 (N, P, h, w) in [0, 1] as uint8 arrays (P, h, w)."""
    levels = {method: (maps * 255).round().byte().cpu().numpy() for method, maps in heatmaps.items()}
    return [
        {method: of_batch[n, : len(sample.labels)] for method, of_batch in levels.items()}
        for n, sample in enumerate(samples)
    ]


def scaled_sides(params: HeatmapParams, long_side: int) -> list[int]:
    """The long side in pixels at each scale; first the scale whose features the walk compares."""
    scales = sorted(params.scales, key=lambda scale: scale != params.walk.scale)
    return [max(32, round(scale * long_side)) for scale in scales]
