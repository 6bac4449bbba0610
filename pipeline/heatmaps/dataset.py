"""Heatmaps of a whole data set: batches of one size, finished shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.base.parallel import read_ahead
from pipeline.base.sizes import working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine.device import autocast, pick_device, to_device
from pipeline.heatmaps.class_maps import ClassMaps, class_maps
from pipeline.heatmaps.fusion import add_depths, fuse_depths, grid_size
from pipeline.heatmaps.hooks import first_output
from pipeline.heatmaps.layers import TargetLayer, earlier_layers
from pipeline.heatmaps.store import shard_file, write_index, write_shard
from pipeline.heatmaps.walk import walk
from pipeline.params import HeatmapParams

SHARD_BATCHES = 8  # batches that are stored, and after an interruption done again, together

Batch = tuple[Sample, ...]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class HeatmapMaker:
    """A network in eval mode and how its heatmaps are made."""

    net: nn.Module  # images (N, 3, h, w) in [0, 1] -> logits (N, C)
    target: TargetLayer  # the layer of `net` whose maps they are
    # The module of `net` that gives its feature maps at all depths, a list of (N, K, h, w): the walk compares
    # those at its scale, and the heat of the last `params.depths` of them is added.
    backbone: nn.Module
    params: HeatmapParams
    long_side: int  # pixels of the working resolution

    @cached_property
    def earlier(self) -> list[nn.Module]:
        """The layers before the target whose heat is added."""
        return earlier_layers(self.backbone, self.params.depths - 1)

    def heatmaps(self, batch: Batch, pyramid: Sequence[Tensor]) -> dict[str, Tensor]:
        """Heatmaps of the labels of a batch by each method, float32 (N, P, h, w) in [0, 1].

        Args:
            batch: samples of one size.
            pyramid: their images (N, 3, h, w) at every scale, in the order of `scaled_sides`.
        """
        device = pick_device()
        classes = [sample.labels for sample in batch]
        earlier = self.earlier  # found by a forward pass of its own, which `first_output` must not see

        def make_maps(images: Tensor) -> ClassMaps:
            with autocast(device):
                return class_maps(
                    self.net, images, classes, self.params.methods, self.target, earlier=earlier
                )

        size = grid_size(*working_size(batch[0].height, batch[0].width, self.long_side))
        sized = [to_device(images, device) for images in pyramid]
        with first_output(self.backbone) as depths:
            fused = add_depths(fuse_depths(make_maps, sized, size, flip=self.params.flip))
        return walk(fused, depths[0], self.params.walk) if self.params.walk.restart < 1 else fused


def make_heatmaps(
    maker: HeatmapMaker, manifest: Manifest, samples: Sequence[Sample], folders: Mapping[str, Path]
) -> None:
    """Write the heatmaps of the labels of `samples` by each method into its folder.

    Shards that are there already are kept. Batches hold images of one working size and never depend
    on what was done before, so that an interrupted run ends with the same bytes.
    """
    shards = plan_shards(samples, maker.params, maker.long_side)
    todo = [i for i in range(len(shards)) if not all(shard_file(f, i).exists() for f in folders.values())]
    sides = scaled_sides(maker.params, maker.long_side)

    def read(batch: Batch) -> list[Tensor]:  # at every scale: float32 (N, 3, h, w) in [0, 1]
        images = [manifest.image(sample) for sample in batch]
        return [torch.stack([image_tensor(image, side) for image in images]) for side in sides]

    pyramids = read_ahead(read, _flat([shards[i] for i in todo]))
    done = sum(len(batch) for i, shard in enumerate(shards) if i not in set(todo) for batch in shard)
    with tqdm(total=sum(map(len, _flat(shards))), desc="heatmaps", initial=done, unit="image") as bar:
        for i in todo:
            found: dict[str, dict[str, StoredHeatmaps]] = {method: {} for method in folders}
            for batch in shards[i]:
                for method, heat in maker.heatmaps(batch, next(pyramids)).items():
                    found[method].update(stored(batch, heat))
                bar.update(len(batch))
            for method, folder in folders.items():
                write_shard(folder, i, found[method])
    for folder in folders.values():
        write_index(folder, [[sample.name for batch in shard for sample in batch] for shard in shards])


def stored(batch: Batch, heat: Tensor) -> dict[str, StoredHeatmaps]:
    """Heatmaps float32 (N, P, h, w) in [0, 1] as the store keeps them: uint8, by the name of the sample."""
    levels = (heat * 255).round().byte().cpu().numpy()
    return {sample.name: levels[n, : len(sample.labels)] for n, sample in enumerate(batch)}


def plan_shards(samples: Sequence[Sample], params: HeatmapParams, long_side: int) -> list[tuple[Batch, ...]]:
    """Batches of one size each, in shards of `SHARD_BATCHES`; images without labels are left out."""

    def sizes(sample: Sample) -> list[tuple[int, int]]:
        # Of every scale: 500 x 286 and 500 x 287 agree at one scale and differ by rounding at another.
        sides = [long_side, *scaled_sides(params, long_side)]
        return [working_size(sample.height, sample.width, side) for side in sides]

    ordered = sorted((s for s in samples if s.labels), key=lambda s: (sizes(s), s.name))
    groups = [list(group) for _, group in groupby(ordered, sizes)]
    batches = [batch for group in groups for batch in _chunks(group, params.batch_size)]
    return _chunks(batches, SHARD_BATCHES)


def scaled_sides(params: HeatmapParams, long_side: int) -> list[int]:
    """The long side in pixels at each scale, first the one whose features the walk compares."""
    scales = sorted(params.scales, key=lambda scale: scale != params.walk.scale)
    return [max(32, round(scale * long_side)) for scale in scales]


def _flat(shards: Sequence[tuple[Batch, ...]]) -> list[Batch]:
    return [batch for shard in shards for batch in shard]


def _chunks(items: Sequence[_Item], length: int) -> list[tuple[_Item, ...]]:
    return [tuple(items[start : start + length]) for start in range(0, len(items), length)]
