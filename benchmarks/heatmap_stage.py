"""The speed of `make_heatmaps` on rendered scenes, against bare forward passes."""

import itertools
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from benchmarks.timing import timed
from pipeline.classifier.network import make_classifier
from pipeline.data.manifest import Manifest
from pipeline.data.resize import image_tensor
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.device import autocast, to_channels_last, to_device
from pipeline.engine.mapping import one_size_batches, split_blocks
from pipeline.heatmaps.dataset import HeatmapMaker, make_heatmaps
from pipeline.heatmaps.layers import find_target
from pipeline.params import HeatmapParams, Params
from pipeline.scenes.source import write_scenes

FOUR_SCALES = (1.0, 0.5, 1.5, 2.0)
ROUNDS = 3


def params_for(params: Params, encoder: str, side: int, batch: int) -> Params:
    """`params` for scenes of the size of images, with four scales."""
    return params.model_copy(
        update={
            "data": params.data.model_copy(update={"long_side": side}),
            "scenes": params.scenes.model_copy(update={"long_side": side}),
            "classifier": params.classifier.model_copy(update={"encoder": encoder, "weights": "none"}),
            "heatmaps": params.heatmaps.model_copy(update={"scales": FOUR_SCALES, "batch_size": batch}),
        }
    )


def stage_speed(
    params: Params, device: torch.device, count: int = 200, rounds: int = ROUNDS
) -> dict[str, object]:
    """The stage's own path, decode to store, with and without the walk, against bare forward passes.

    Those are of the network as it was trained, and as the stage uses it, with its BatchNorm folded. All take
    turns, and the median of the rounds counts, after one round that does not: single runs on one machine
    differ by a quarter.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("prepared", "masks"):
            (folder / part).mkdir()
        scenes = params.scenes.model_copy(update={"train": count, "val": 1, "empty_share": 0.0})
        manifest = write_scenes(folder / "prepared", folder / "masks", scenes, 0)
        trained = make_classifier(params.classifier, manifest.classes).eval()
        net = deepcopy(trained)
        fold_batch_norm(net.encoder)
        to_channels_last(trained, device)
        to_channels_last(net, device)
        target = find_target(net, to_device(torch.rand(1, 3, 64, 96), device), None)
        turns = itertools.count()

        def stage(heatmaps: HeatmapParams) -> None:
            fresh = folder / f"heatmaps-{next(turns)}"
            out: dict[str, Path] = {method: fresh / method for method in heatmaps.methods}
            side, train = params.data.long_side, manifest.split("train")
            make_heatmaps(HeatmapMaker(net, target, net.encoder, heatmaps, side), manifest, train, out)

        still = params.heatmaps.walk.model_copy(update={"restart": 1.0})
        rows: dict[str, Callable[[], object]] = {
            "forward": bare_passes(trained, manifest, params.heatmaps, params.data.long_side, device),
            "forward, folded": bare_passes(net, manifest, params.heatmaps, params.data.long_side, device),
            "decode, scales and flip, store": lambda: stage(
                params.heatmaps.model_copy(update={"walk": still})
            ),
            "the same with the walk": lambda: stage(params.heatmaps),
        }
        seconds = timed(rows, rounds, device)
        size = sum(file.stat().st_size for file in (folder / "heatmaps-0").rglob("*.safetensors"))
    return {
        "network": params.classifier.encoder,
        "side": params.data.long_side,
        "scales": list(params.heatmaps.scales),
        "images_per_second": {row: count / taken for row, taken in seconds.items()},
        "kB_per_image": size / 1e3 / count,
    }


def bare_passes(
    net: nn.Module, manifest: Manifest, params: HeatmapParams, long_side: int, device: torch.device
) -> Callable[[], None]:
    """The forward passes alone: same batches, scales and flips, tensors at hand."""
    blocks = split_blocks([sample for sample in manifest.split("train") if sample.labels])
    batches = [batch for block in blocks for batch in one_size_batches(block, params.batch_size)]
    sides = [max(32, round(scale * long_side)) for scale in params.scales]
    tensors = [
        to_device(torch.stack([image_tensor(manifest.image(s), side) for s in batch]), device)
        for batch in batches
        for side in sides
    ]
    views = 2 if params.flip else 1

    def run() -> None:
        with torch.inference_mode(), autocast(device):
            for images in tensors:
                for _ in range(views):
                    net(images)

    return run
