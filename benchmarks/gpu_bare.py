"""Bare loops of a project's networks: what a device gives where nothing is read, decoded or written."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.processes import plain_loss
from benchmarks.timing import timed
from pipeline import paths
from pipeline.base.sizes import crop_side
from pipeline.classifier.classifier_training import TrainableClassifier
from pipeline.classifier.network import load_classifier, make_classifier
from pipeline.data.manifest import read_manifest
from pipeline.data.training_examples import TrainingTarget
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.device import autocast, pick_device, to_channels_last, to_device
from pipeline.engine.random_seed import seed_everything
from pipeline.engine.shards import Objective
from pipeline.engine.training_loop import make_optimizer
from pipeline.heatmaps.dataset import scaled_sides
from pipeline.params import Params, TrainingParams
from pipeline.segmentation.network import load_segmentation_net
from pipeline.segmentation.objective import TrainableSegmentation
from pipeline.segmentation.prediction import view_sides
from pipeline.workflows.segmentation_training_files import new_net

ROUNDS, CALLS = 3, 10  # medians of rounds, each of as many steps or passes


def bare_classifier(params: Params) -> float:
    """Images per second of forward and backward passes of the classifier, with the steps of its optimizer."""
    seed_everything(params.seed)
    section, classes = params.classifier, read_manifest(paths.PREPARED).classes
    net = make_classifier(section, classes)
    side = params.data.tiles * crop_side(section.training, params.data.long_side)
    labels = torch.rand(section.training.batch_size, len(classes)).round()
    objective = TrainableClassifier(net, section, params.data.tiles)
    return section.training.batch_size / _step_seconds(objective, section.training, side, labels, 0)


def bare_segmentation(params: Params) -> float:
    """The same of the segmentation network, with its teacher in the share of the steps that params say."""
    seed_everything(params.seed)
    section, manifest = params.segmentation, read_manifest(paths.PREPARED)
    training, ids = section.training, len(manifest.classes) + 1
    side = crop_side(training, params.data.long_side)
    targets = (
        torch.randint(ids, (training.batch_size, side, side)),
        torch.ones(training.batch_size, ids, dtype=torch.bool),
    )
    objective = TrainableSegmentation(new_net(params, manifest), section, 0, taught=True)
    before, after = (_step_seconds(objective, training, side, targets, step) for step in (0, training.steps))
    start = section.teacher.start
    return training.batch_size / (start * before + (1 - start) * after)


def bare_maps(params: Params) -> float:
    """Images per second of the classifier's forward passes over the views that heatmaps are made of."""
    section = params.heatmaps
    net = load_classifier(paths.CLASSIFIER)
    fold_batch_norm(net.encoder)
    return _forward_speed(net, scaled_sides(section, params.working_side()), section.flip, section.batch_size)


def bare_prediction(params: Params, supervision: str) -> float:
    """The same of the segmentation network and the views of an evaluation."""
    net, section = load_segmentation_net(paths.SEGMENTATION / supervision), params.evaluation
    sides = view_sides(section.scales, params.working_side())
    return _forward_speed(net, sides, section.flip, params.heatmaps.batch_size)


def _step_seconds(
    objective: Objective, training: TrainingParams, side: int, targets: TrainingTarget, step: int
) -> float:
    """Seconds of a step on a batch that lies on the device."""
    device = pick_device()
    objective = to_channels_last(objective, device).train()
    optimizer = make_optimizer(objective, training, [])
    images = to_device(torch.rand(training.batch_size, 3, side, side), device)
    moved = targets.to(device) if isinstance(targets, Tensor) else tuple(part.to(device) for part in targets)

    def run() -> None:
        plain_loss(objective, [(images, moved)], step)
        nn.utils.clip_grad_norm_(objective.parameters(), training.clip_norm)
        optimizer.step()

    return _seconds(run, device)


def _forward_speed(net: nn.Module, sides: list[int], flip: bool, batch: int) -> float:
    """Images per second of a network in eval mode: a view of 3 : 4 at each side, with its mirror image."""
    device = pick_device()
    net = to_channels_last(net, device).eval()
    views = [
        to_device(torch.rand(batch, 3, _multiple(side * 3 / 4), _multiple(side)), device) for side in sides
    ]

    def run() -> None:
        with torch.inference_mode(), autocast(device):
            for view in views * (2 if flip else 1):
                net(view)

    return batch / _seconds(run, device)


def _multiple(side: float) -> int:
    """The nearest multiple of 32: decoders take no other sizes."""
    return max(32, 32 * round(side / 32))


def _seconds(run: Callable[[], None], device: torch.device) -> float:
    """Seconds of one of many calls; the device is waited for after all of them."""
    calls = 1 if device.type == "cpu" else CALLS

    def many() -> None:
        for _ in range(calls):
            run()

    return timed({"": many}, ROUNDS, device)[""] / calls
