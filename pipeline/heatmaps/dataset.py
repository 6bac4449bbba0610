"""Heatmaps of a whole data set: batches of one size, finished shard by shard."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.base.parallel import read_ahead
from pipeline.base.sizes import working_size
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine.device import autocast, pick_device, to_device
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.fusion import add_depths, fuse, grid_size
from pipeline.heatmaps.hooks import first_output
from pipeline.heatmaps.layers import Target, earlier_layers
from pipeline.heatmaps.store import Heat, shard_file, write_index, write_shard
from pipeline.heatmaps.walk import walk
from pipeline.params import HeatmapParams

SHARD_BATCHES = 8  # batches that are stored, and after an interruption done again, together

Batch = tuple[Sample, ...]
Item = TypeVar("Item")


def make_heatmaps(
    net: nn.Module,
    target: Target,
    backbone: nn.Module,
    manifest: Manifest,
    samples: Sequence[Sample],
    params: HeatmapParams,
    long_side: int,
    folders: Mapping[str, Path],
) -> None:
    """Write the heatmaps of the labels of `samples` by each method into its folder.

    `target` is the layer of `net` whose maps they are. `backbone` is the module of `net` that gives its
    feature maps at all depths, a list of (N, K, h, w): the walk compares those at its scale, and the heat of
    the last `params.depths` of them is added.
    Shards that are there already are kept. Batches hold pictures of one working size and never depend
    on what was done before, so that an interrupted run ends with the same bytes.
    """
    shards = plan_shards(samples, params, long_side)
    earlier = earlier_layers(backbone, params.depths - 1)
    todo = [i for i in range(len(shards)) if not all(shard_file(f, i).exists() for f in folders.values())]
    sides = _sides(params, long_side)

    def read(batch: Batch) -> list[Tensor]:  # at every scale: float32 (N, 3, h, w) in [0, 1]
        images = [manifest.image(sample) for sample in batch]
        return [torch.stack([image_tensor(image, side) for image in images]) for side in sides]

    pyramids = read_ahead(read, _flat([shards[i] for i in todo]))
    done = sum(len(batch) for i, shard in enumerate(shards) if i not in set(todo) for batch in shard)
    with tqdm(total=sum(map(len, _flat(shards))), desc="heatmaps", initial=done, unit="image") as bar:
        for i in todo:
            found: dict[str, dict[str, Heat]] = {method: {} for method in folders}
            for batch in shards[i]:
                for method, heat in _batch_heatmaps(
                    net, target, backbone, earlier, batch, next(pyramids), params, long_side
                ).items():
                    found[method].update(heat)
                bar.update(len(batch))
            for method, folder in folders.items():
                write_shard(folder, i, found[method])
    for folder in folders.values():
        write_index(folder, [[sample.name for batch in shard for sample in batch] for shard in shards])


def plan_shards(samples: Sequence[Sample], params: HeatmapParams, long_side: int) -> list[tuple[Batch, ...]]:
    """Batches of one size each, in shards of `SHARD_BATCHES`; images without labels are left out."""

    def sizes(sample: Sample) -> list[tuple[int, int]]:
        # Of every scale: 500 x 286 and 500 x 287 agree at one scale and differ by rounding at another.
        sides = [long_side, *_sides(params, long_side)]
        return [working_size(sample.height, sample.width, side) for side in sides]

    ordered = sorted((s for s in samples if s.labels), key=lambda s: (sizes(s), s.name))
    groups = [list(group) for _, group in groupby(ordered, sizes)]
    batches = [batch for group in groups for batch in _chunks(group, params.batch_size)]
    return _chunks(batches, SHARD_BATCHES)


def _batch_heatmaps(
    net: nn.Module,
    target: Target,
    backbone: nn.Module,
    earlier: Sequence[nn.Module],
    batch: Batch,
    pyramid: list[Tensor],
    params: HeatmapParams,
    long_side: int,
) -> dict[str, dict[str, Heat]]:
    device = pick_device()
    classes = [sample.labels for sample in batch]

    def make_maps(images: Tensor) -> dict[str, Tensor]:
        with autocast(device):
            found = class_maps(net, images, classes, params.methods, target, earlier=earlier)
        return found.maps | {f"depth {i}": heat for i, heat in enumerate(found.earlier)}

    size = grid_size(*working_size(batch[0].height, batch[0].width, long_side))
    sized = [to_device(images, device) for images in pyramid]
    with first_output(backbone) as depths:
        fused = add_depths(fuse(make_maps, sized, size, flip=params.flip), params.methods)
    if params.walk.restart < 1:
        fused = walk(fused, depths[0], params.walk)
    stored = {method: (heat * 255).round().byte().cpu().numpy() for method, heat in fused.items()}
    return {
        method: {sample.name: heat[n, : len(sample.labels)] for n, sample in enumerate(batch)}
        for method, heat in stored.items()
    }


def _sides(params: HeatmapParams, long_side: int) -> list[int]:
    """The long side in pixels at each scale, first the one whose features the walk compares."""
    scales = sorted(params.scales, key=lambda scale: scale != params.walk.scale)
    return [max(32, round(scale * long_side)) for scale in scales]


def _flat(shards: Sequence[tuple[Batch, ...]]) -> list[Batch]:
    return [batch for shard in shards for batch in shard]


def _chunks(items: Sequence[Item], length: int) -> list[tuple[Item, ...]]:
    return [tuple(items[start : start + length]) for start in range(0, len(items), length)]
