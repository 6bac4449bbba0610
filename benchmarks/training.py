"""Seconds per training step: BatchNorm trained, frozen, and frozen and folded, as pretrained encoders are.

    python -m benchmarks.training [--encoders resnet50 mobilenet_v2] [--side 224] [--batch 16]
    python -m benchmarks.training --loop FOLDER [--steps 20]

A segmentation network with its teacher learns from random images; nothing is decoded. The three take turns
in one process: the median of the rounds counts.

With `--loop` both networks of the project FOLDER learn twice for a few steps: from its images, and from one
batch of them that lies at hand. CPU seconds count, loaders included: where a CPU does all the work, their
ratio is the share of a step that is not reading, whatever else the machine does.
"""

import argparse
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.timing import timed
from pipeline import paths
from pipeline.classifier.classifier_training import train_classifier
from pipeline.classifier.network import make_classifier
from pipeline.data.held_out import read_held_out
from pipeline.data.manifest import read_manifest
from pipeline.data.training_examples import TrainingStream
from pipeline.engine.device import device_name, pick_device, to_channels_last, to_device
from pipeline.engine.example_loader import LOADERS
from pipeline.engine.shards import batch_loss
from pipeline.engine.training_loop import make_optimizer
from pipeline.params import Params, load_params
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet, make_segmentation_net
from pipeline.segmentation.objective import TrainableSegmentation
from pipeline.segmentation.segmentation_training import train_segmentation
from pipeline.workflows.segmentation_training_files import masked_samples, new_net

CONFIG = SegmentationConfig(tuple("abcdef"), 320)
Training = Callable[[Params, Path], object]  # with a checkpoint
FPN = {"architecture": "FPN", "decoder": {"pyramid_channels": 128, "segmentation_channels": 64}}


def main() -> None:
    """Time the three of each encoder and print them."""
    parser = argparse.ArgumentParser("benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", nargs="+", default=["resnet50", "mobilenet_v2"])
    parser.add_argument("--side", type=int, default=224, help="pixels of the square crops")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--loop", type=Path, metavar="FOLDER", help="a project with pseudo-masks")
    parser.add_argument("--steps", type=int, default=20, help="of --loop")
    given = parser.parse_args()
    if given.loop:
        os.chdir(given.loop)
        return compare_loops(given.steps)
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
        # When the teacher corrects.
        batch_loss(objective, [(images, (masks, allowed))], section.training.steps, [0], 1)
        nn.utils.clip_grad_norm_(net.parameters(), section.training.clip_norm)
        optimizer.step()

    return run


def compare_loops(steps: int) -> None:
    """Print the CPU seconds per step of both trainings, with images and with a batch at hand."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    held_out = read_held_out(paths.PREPARED)
    masked = masked_samples(manifest, params.heatmaps.methods[0])
    trainings: dict[str, Training] = {
        "classifier": lambda p, checkpoint: train_classifier(
            make_classifier(p.classifier, manifest.classes),
            manifest,
            held_out,
            paths.ATTENTION,
            p,
            checkpoint,
        ),
        "segmentation": lambda p, checkpoint: train_segmentation(
            new_net(p, manifest), masked, p, checkpoint, "segmentation"
        ),
    }
    for section, training in trainings.items():
        images = cpu_per_step(training, params, section, steps)
        with batch_at_hand(getattr(params, section).training.batch_size):
            at_hand = cpu_per_step(training, params, section, steps)
        print(f"{section:12} {images:.3f} s, with a batch at hand {at_hand:.3f} s: {at_hand / images:.2f}")


def cpu_per_step(training: Training, params: Params, section: str, steps: int) -> float:
    """CPU seconds of one step, without those that start and end a training."""
    short, long = (cpu_seconds(training, params, section, count) for count in (2, 2 + steps))
    return (long - short) / steps


def cpu_seconds(training: Training, params: Params, section: str, steps: int) -> float:
    """CPU seconds of a training of a few steps, those of its loaders included."""
    part = getattr(params, section)
    schedule = part.training.model_copy(update={"steps": steps, "checkpoint_steps": steps + 1})
    params = params.model_copy(update={section: part.model_copy(update={"training": schedule})})
    before = spent()
    with tempfile.TemporaryDirectory() as folder:
        training(params, Path(folder) / "checkpoint.pt")
    return spent() - before


def spent() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


@contextmanager
def batch_at_hand(size: int) -> Iterator[None]:
    """Every batch of a training is the first one, decoded once, in this process."""
    from_disk = TrainingStream.__getitem__
    first = cache(lambda stream, index: from_disk(stream, index))
    with (
        patch.object(TrainingStream, "__getitem__", lambda stream, index: first(stream, index % size)),
        patch.dict(os.environ, {LOADERS: "0"}),
    ):
        yield


if __name__ == "__main__":
    main()
