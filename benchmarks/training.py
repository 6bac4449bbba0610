"""Seconds per training step: BatchNorm trained, frozen, and frozen and folded, as pretrained encoders are.

    python -m benchmarks.training [--encoders resnet50 mobilenet_v2] [--side 224] [--batch 16]

A segmentation network with its teacher learns from random images; nothing is decoded. The three take turns
in one process: the median of the rounds counts.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks.heatmaps import timed
from pipeline.engine.device import autocast, device_name, pick_device, to_channels_last, to_device
from pipeline.engine.training_loop import make_optimizer
from pipeline.params import Params, load_params
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet, make_segmentation_net
from pipeline.segmentation.objective import TrainableSegmentation

CONFIG = SegmentationConfig(tuple("abcdef"), 320)
FPN = {"architecture": "FPN", "decoder": {"pyramid_channels": 128, "segmentation_channels": 64}}


def main() -> None:
    """Time the three of each encoder and print them."""
    parser = argparse.ArgumentParser("benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", nargs="+", default=["resnet50", "mobilenet_v2"])
    parser.add_argument("--side", type=int, default=224, help="pixels of the square crops")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    device, shipped = pick_device(), load_params()
    print(f"{device_name(device)}, {torch.get_num_threads()} threads, {given.batch} x {given.side} pixels")
    for encoder in given.encoders:
        update = {**FPN, "encoder": encoder, "weights": "none"}
        params = shipped.model_copy(update={"segmentation": shipped.segmentation.model_copy(update=update)})
        nets = {
            "trained": make(params, pretrained=False),
            "frozen": make(params, pretrained=False),
            "frozen and folded": make(params, pretrained=True),
        }
        nets["frozen"].frozen_norm = True
        steps = {name: step(net, params, given.batch, given.side, device) for name, net in nets.items()}
        seconds = timed(steps, given.rounds, device)
        for name, taken in seconds.items():
            share = taken / seconds["trained"]
            print(f"{encoder:14} {name:18} {taken:.3f} s per step, {share:.2f}", flush=True)


def make(params: Params, *, pretrained: bool) -> SegmentationNet:
    """The pipeline's network, with random weights."""
    return make_segmentation_net(params.segmentation, CONFIG, Path(), pretrained=pretrained)


def step(
    net: SegmentationNet, params: Params, batch: int, side: int, device: torch.device
) -> Callable[[], None]:
    """One step of the training with a teacher, on the same images each time."""
    section = params.segmentation
    objective = to_channels_last(TrainableSegmentation(net, section, 0, taught=True), device).train()
    optimizer = make_optimizer(objective, section.training, [])
    images = to_device(torch.rand(batch, 3, side, side), device)
    masks = torch.randint(len(CONFIG.classes) + 1, (batch, side, side), device=device)
    allowed = torch.ones(batch, len(CONFIG.classes) + 1, dtype=torch.bool, device=device)

    def run() -> None:
        with autocast(device):
            loss = objective(images, (masks, allowed), section.training.steps)  # when the teacher corrects
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), section.training.clip_norm)
        optimizer.step()

    return run


if __name__ == "__main__":
    main()
