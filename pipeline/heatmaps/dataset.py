"""Heatmaps of a whole data set, in batches of one size, written shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.base.parallel import read_ahead
from pipeline.base.sizes import grid_size, working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine.device import autocast, pick_device, to_device
from pipeline.heatmaps.class_maps import ClassMaps, class_maps
from pipeline.heatmaps.hooks import first_output
from pipeline.heatmaps.layers import TargetLayer, earlier_layers
from pipeline.heatmaps.multi_scale import add_depths, fuse_depths
from pipeline.heatmaps.random_walk import walk
from pipeline.heatmaps.store import shard_file, write_index, write_shard
from pipeline.params import HeatmapParams

SHARD_BATCHES = 8  # batches of a shard: an interrupted run makes an unfinished shard again

Batch = tuple[Sample, ...]
Shard = tuple[Batch, ...]
_Item = TypeVar("_Item")


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

    @cached_property
    def earlier(self) -> list[nn.Module]:
        """The layers before the target whose maps are added."""
        return earlier_layers(self.backbone, self.params.depths - 1)

    def heatmaps(self, batch: Batch, pyramid: Sequence[Tensor]) -> dict[str, Tensor]:
        """Heatmaps of the labels of a batch by each method, float32 (N, P, h, w) in [0, 1].

        Args:
            batch: samples of one size.
            pyramid: their images (N, 3, h, w) at every scale, in the order of `scaled_sides`.
        """
        device = pick_device()
        classes = [sample.labels for sample in batch]
        earlier = self.earlier  # takes a forward pass of its own, which `first_output` must not see

        def make_maps(images: Tensor) -> ClassMaps:
            with autocast(device):
                return class_maps(
                    self.net, images, classes, self.params.methods, self.target, earlier=earlier
                )

        size = grid_size(*working_size(batch[0].height, batch[0].width, self.long_side))
        on_device = [to_device(images, device) for images in pyramid]
        with first_output(self.backbone) as outputs:
            heatmaps = add_depths(fuse_depths(make_maps, on_device, size, flip=self.params.flip))
        return walk(heatmaps, outputs[0], self.params.walk) if self.params.walk.restart < 1 else heatmaps


def make_heatmaps(
    maker: HeatmapMaker, manifest: Manifest, samples: Sequence[Sample], folders: Mapping[str, Path]
) -> None:
    """Write the heatmaps of the labels of `samples` by each method into its folder.

    Shards on disk are kept. Batches hold images of one working size and never depend on what was done before,
    so an interrupted run ends with the same bytes.
    """
    shards = plan_shards(samples, maker.params, maker.long_side)
    todo = [i for i in range(len(shards)) if not all(shard_file(f, i).exists() for f in folders.values())]
    batches = list(chain(*(shards[i] for i in todo)))
    sides = scaled_sides(maker.params, maker.long_side)

    def read(batch: Batch) -> list[Tensor]:  # at every scale: float32 (N, 3, h, w) in [0, 1]
        images = [manifest.image(sample) for sample in batch]
        return [torch.stack([image_tensor(image, side) for image in images]) for side in sides]

    pyramids = read_ahead(read, batches)
    total = sum(map(len, chain(*shards)))
    done = total - sum(map(len, batches))
    with tqdm(total=total, desc="heatmaps", initial=done, unit="image") as bar:
        for i in todo:
            arrays: dict[str, dict[str, StoredHeatmaps]] = {method: {} for method in folders}
            for batch in shards[i]:
                for method, heatmaps in maker.heatmaps(batch, next(pyramids)).items():
                    arrays[method].update(stored(batch, heatmaps))
                bar.update(len(batch))
            for method, folder in folders.items():
                write_shard(folder, i, arrays[method])
    for folder in folders.values():
        write_index(folder, [[sample.name for sample in chain(*shard)] for shard in shards])


def stored(batch: Batch, heatmaps: Tensor) -> dict[str, StoredHeatmaps]:
    """Heatmaps float32 (N, P, h, w) in [0, 1] as uint8 arrays, by the name of the sample."""
    levels = (heatmaps * 255).round().byte().cpu().numpy()
    return {sample.name: levels[n, : len(sample.labels)] for n, sample in enumerate(batch)}


def plan_shards(samples: Sequence[Sample], params: HeatmapParams, long_side: int) -> list[Shard]:
    """Batches of one size each, in shards of `SHARD_BATCHES`; images without labels are left out."""

    def sizes(sample: Sample) -> list[tuple[int, int]]:
        # Of every scale: 500 x 286 and 500 x 287 agree at one scale and differ by rounding at another.
        sides = [long_side, *scaled_sides(params, long_side)]
        return [working_size(sample.height, sample.width, side) for side in sides]

    ordered = sorted((s for s in samples if s.labels), key=lambda s: (sizes(s), s.name))
    groups = [list(group) for _, group in groupby(ordered, sizes)]
    return _chunks([batch for group in groups for batch in _chunks(group, params.batch_size)], SHARD_BATCHES)


def scaled_sides(params: HeatmapParams, long_side: int) -> list[int]:
    """The long side in pixels at each scale; first the scale whose features the walk compares."""
    scales = sorted(params.scales, key=lambda scale: scale != params.walk.scale)
    return [max(32, round(scale * long_side)) for scale in scales]


def _chunks(items: Sequence[_Item], length: int) -> list[tuple[_Item, ...]]:
    return [tuple(items[start : start + length]) for start in range(0, len(items), length)]
