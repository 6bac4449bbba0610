"""Training of the classifier from image-level labels: its objective, and its probabilities for images."""

from collections.abc import Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.base.sizes import crop_side
from pipeline.classifier.bags import bag_logits
from pipeline.classifier.erasing_and_gain import (
    attention,
    attention_error,
    attention_mining,
    erase,
    has_attention_error,
)
from pipeline.classifier.network import Classifier
from pipeline.data.held_out import HELD_OUT_MAP, part_held_out
from pipeline.data.images import IGNORE, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.data.training_examples import TargetParts, TrainingStream, TrainingTarget
from pipeline.engine.averaging import PastAverage
from pipeline.engine.device import autocast, pick_device, to_channels_last
from pipeline.engine.mapping import Batch, ImagePass, fitting_batch_size, map_images
from pipeline.engine.shards import Example, Objective
from pipeline.engine.training_loop import Record, fit
from pipeline.evaluation.means import mean_present
from pipeline.evaluation.ranking import average_precision
from pipeline.params import ClassifierParams, Params


def multi_hot(labels: Sequence[int], classes: int) -> Tensor:
    """Image-level labels as float32 (C,) of 0 and 1."""
    vector = torch.zeros(classes)
    vector[list(labels)] = 1
    return vector


def train_classifier(
    net: Classifier, manifest: Manifest, held_out: Set[str], masks: Path, params: Params, checkpoint: Path
) -> list[Record]:
    """Fit `net` to the labels of the `train` split by binary cross-entropy; returns the curve.

    Args:
        held_out: names of training images that are scored and not learnt from.
        masks: folder of the masks that supervise the heatmaps; not read with a weight of 0.
    """
    section, (learnt, held) = params.classifier, part_held_out(manifest, held_out)
    supervision = masks if section.gain.supervision_weight > 0 else None
    stream = TrainingStream(
        manifest,
        learnt,
        partial(target, len(manifest.classes), supervision),
        section.training,
        long_side=params.working_side(),
        crop=params.data.tiles * crop_side(section.training, params.data.long_side),
        seed=params.seed,
    )
    pretrained = [] if section.weights == "none" else list(net.encoder.parameters())
    return fit(
        TrainableClassifier(net, section, params.data.tiles),
        stream,
        section.training,
        pretrained=pretrained,
        checkpoint=checkpoint,
        description="classifier",
        score=partial(score_held_out_labels, net, manifest, held, params.working_side()) if held else None,
    )


def score_held_out_labels(
    net: Classifier, manifest: Manifest, held: Sequence[Sample], long_side: int
) -> Record:
    """The mean average precision of the labels of held-out images; NaN if they show no class."""
    labels = np.stack([multi_hot(sample.labels, len(manifest.classes)).numpy() for sample in held])
    silent = replace(classification_pass(net, manifest, long_side), description=None)  # training has its bar
    rows = map_images(held, silent)
    return {HELD_OUT_MAP: mean_present(average_precision(labels, np.stack(rows)))}


def target(classes: int, masks: Path | None, sample: Sample) -> TargetParts:
    """The labels of `sample`, and what is known of its mask where there is a folder of masks."""
    labels = multi_hot(sample.labels, classes)
    return labels if masks is None else (labels, known_mask(masks, sample))


def known_mask(folder: Path, sample: Sample) -> Mask:
    """The mask of `sample` in `folder`, uint8 (H, W); 255 everywhere if there is none."""
    if has_mask(folder, sample):
        return load_mask(folder, sample)
    return np.full((sample.height, sample.width), IGNORE, np.uint8)


class TrainableClassifier(Objective):
    """The loss of the classifier; with it, for erasing, an average of its past weights."""

    def __init__(self, net: Classifier, params: ClassifierParams, tiles: int = 1) -> None:
        super().__init__()
        self.net = net
        self.params = params
        self.tiles = tiles  # along the side of a bag
        self.average = None if params.erasing.region == "none" else PastAverage(net, params.erasing.decay)

    def settle(self, shards: Sequence[Example], step: int) -> tuple[list[TrainingTarget], Tensor]:
        """The targets as they are; how many labels may be given, and how many images have an attention error.

        Args:
            shards: their targets are labels float32 (N, C), or with `gain.supervision_weight` these and masks
                int64 (N, H, W).
        """
        if self.average is not None:
            self.average.update_parameters(self.net)  # of the step before
        targets = [of_shard for _, of_shard in shards]
        pairs = [of_shard for of_shard in targets if not isinstance(of_shard, Tensor)]
        supervised = sum(int(has_attention_error(masks, labels).sum()) for labels, masks in pairs)
        given = sum((t if isinstance(t, Tensor) else t[0]).numel() for t in targets)
        return targets, torch.tensor([given, supervised])

    def forward(self, images: Tensor, targets: TrainingTarget, step: int, counts: Tensor) -> Tensor:
        """Binary cross-entropy, on erased images if so asked for, plus the losses of GAIN; a scalar."""
        net, gain = self.net, self.params.gain
        labels, masks = (targets, None) if isinstance(targets, Tensor) else targets
        if self.tiles > 1:  # which goes with neither GAIN nor erasing
            logits = bag_logits(net, images, self.tiles, self.params.training.batch_size)
            return _cross_entropy(logits, labels, counts)
        started = step >= self.params.attention_from * self.params.training.steps
        if self.average is not None and started:
            images = self._erased(images, labels)
        activations = net.features(images)[-1]
        loss = _cross_entropy(net.head(activations), labels, counts)
        if gain.weight and started:
            heat = attention(net, activations)
            loss = loss + gain.weight * attention_mining(net, images, heat, labels, gain)
        if masks is not None and started:
            heat = attention(net, activations)
            loss = loss + gain.supervision_weight * attention_error(heat, masks, labels, counts[1])
        return loss

    def _erased(self, images: Tensor, labels: Tensor) -> Tensor:
        """The images without what the average of past weights looks at, or without the rest."""
        past = cast(Classifier, cast(PastAverage, self.average).module)
        with torch.no_grad():
            heat = attention(past, past.features(images)[-1])
        return erase(images, heat, labels, self.params.erasing)


def _cross_entropy(logits: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """Binary cross-entropy of logits and labels (N, C): the mean over those of the whole batch."""
    return functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / counts[0]


def classify_samples(
    net: Classifier, manifest: Manifest, samples: Sequence[Sample], long_side: int
) -> NDArray[np.float32]:
    """Class probabilities (N, C) of whole images at the working resolution."""
    rows = map_images(samples, classification_pass(net, manifest, long_side))
    return np.stack(rows) if rows else np.zeros((0, len(manifest.classes)), np.float32)


def classification_pass(
    net: Classifier, manifest: Manifest, long_side: int
) -> ImagePass[NDArray[np.float32]]:
    """The pass that gives the class probabilities (C,) of whole images at the working resolution."""
    device = pick_device()
    to_channels_last(net, device).eval()

    def compute(batch: Batch) -> list[NDArray[np.float32]]:
        with torch.inference_mode(), autocast(device):
            return list(net(batch.views[0]).sigmoid().cpu().numpy())

    return ImagePass("classifier", manifest, [long_side], fitting_batch_size([long_side]), compute)
