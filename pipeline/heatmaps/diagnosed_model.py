"""The diagnosis of one image: where the heatmaps of its classes lie, and what the probabilities rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.data.images import ImageArray, Mask, resize_mask
from pipeline.data.manifest import Sample
from pipeline.data.resize import image_tensor, resize
from pipeline.data.training_examples import derive_seed
from pipeline.engine.device import autocast, to_device
from pipeline.evaluation.diagnosis import ImageDiagnosis
from pipeline.evaluation.localisation import heat_shares, pointing_hit
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.layers import TargetLayer, same_target
from pipeline.heatmaps.multi_scale import fuse
from pipeline.heatmaps.perturbation import (
    area_under,
    deletion_curve,
    inpaint,
    insertion_curve,
    probability_drops,
    rank_correlation,
    with_random_weights,
)

STEPS = 10  # of the insertion and deletion curves
ERASED = 0.2  # of the pixels
PAINTED = 512  # pixels of the longer side of images that are painted over, at most; painting takes long
SEED = 0  # of the random weights and of the random parts


@dataclass(frozen=True)
class ModelAndTarget:
    """A network and the layer that its heatmaps are made of."""

    net: nn.Module  # images float32 (N, 3, H, W) in [0, 1] -> logits (N, C); in eval mode
    target: TargetLayer


@dataclass(frozen=True)
class DiagnosedModel:
    """The classifier under diagnosis, and copies of it with random weights."""

    trained: ModelAndTarget
    random_head: ModelAndTarget
    random_all: ModelAndTarget
    method: str  # of the heatmaps
    long_side: int  # pixels

    @property
    def device(self) -> torch.device:
        """The device of the networks."""
        return next(self.trained.net.parameters()).device

    def pixels(self, image: ImageArray) -> Tensor:
        """An image as the networks take it: float32 (3, h, w) on their device."""
        return to_device(image_tensor(image, self.long_side)[None], self.device)[0]

    def logits(self, image: ImageArray) -> Tensor:
        """Logits of all classes, float32 (C,), on the CPU."""
        with torch.inference_mode(), autocast(self.device):
            logits: Tensor = self.trained.net(self.pixels(image)[None])[0].float().cpu()
        return logits

    def heatmaps(self, model: ModelAndTarget, pixels: Tensor, labels: Sequence[int]) -> Tensor:
        """Heatmaps (P, h, w) in [0, 1] of the labels by one of the networks, at one scale, mirrored too."""

        def make_maps(images: Tensor) -> dict[str, Tensor]:
            return class_maps(model.net, images, [labels], [self.method], model.target).maps

        size = pixels.shape[-2], pixels.shape[-1]
        return fuse(make_maps, [pixels[None]], size, flip=True)[self.method][0]

    def heatmap_at(self, image: ImageArray, label: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """The heatmap of one label of an image at another size, (H, W) in [0, 1]."""
        with autocast(self.device):
            heatmaps = self.heatmaps(self.trained, self.pixels(image), [label])
        return np.asarray(resize(heatmaps, size)[0].cpu().numpy(), np.float32)


def make_diagnosed_model(
    net: nn.Module, head: nn.Module, target: TargetLayer, method: str, long_side: int
) -> DiagnosedModel:
    """`net` and its randomized copies; `head` is its last layer."""
    random_head, random_all = (
        ModelAndTarget(randomized, same_target(target, net, randomized))
        for randomized in (with_random_weights(net, SEED, only=head), with_random_weights(net, SEED))
    )
    return DiagnosedModel(ModelAndTarget(net, target), random_head, random_all, method, long_side)


def diagnose_image(
    model: DiagnosedModel,
    sample: Sample,
    image: ImageArray,
    mask: Mask | None,
    background: Tensor | None,
    detailed: Sequence[int],
) -> list[ImageDiagnosis]:
    """A diagnosis for each class that the image shows.

    Args:
        mask: the ground truth, if it may be used.
        background: with a mask, the logits (C,) of `background_logits`.
        detailed: the classes whose curves, erasures and randomized models are computed: most of the work.
    """
    if not sample.labels:
        return []
    pixels, logits = model.pixels(image), model.logits(image)
    diagnoses = []
    with autocast(model.device):
        heatmaps = model.heatmaps(model.trained, pixels, sample.labels)
        for label, heatmap in zip(sample.labels, heatmaps, strict=True):
            measures: dict[str, Any] = {}
            if mask is not None and background is not None:
                measures |= localisation(mask, background, label, heatmap)
            if label in detailed:
                measures |= faithfulness(model, sample, pixels, label, heatmap)
            diagnoses.append(ImageDiagnosis(sample.name, label, float(logits[label]), **measures))
    return diagnoses


def background_logits(model: DiagnosedModel, image: ImageArray, mask: Mask) -> Tensor:
    """Logits (C,) of an image with all its objects painted over, also those with the id 255.

    NaN where objects fill the image: it has no background. Larger images are painted over at 512 pixels, or
    at the working resolution if that is larger.
    """
    side = max(PAINTED, model.long_side)
    if max(mask.shape) > side:
        image = (image_tensor(image, side) * 255).round().byte().permute(1, 2, 0).numpy()
        mask = resize_mask(mask, (image.shape[0], image.shape[1]))
    painted = inpaint(image, mask != 0)
    return torch.full_like(model.logits(image), torch.nan) if painted is None else model.logits(painted)


def localisation(mask: Mask, background: Tensor, label: int, heatmap: Tensor) -> dict[str, Any]:
    """Where the heatmap lies at the size of the mask, and the logit of the background.

    Empty for label noise: the image has the label, but the mask does not.
    """
    at_size = resize(heatmap[None], (mask.shape[0], mask.shape[1]))[0].cpu().numpy()
    if not (mask == label + 1).any():
        return {}
    return {
        "painted_logit": float(background[label]),
        "hit": pointing_hit(at_size, mask, label + 1) if at_size.any() else None,
        "shares": tuple(heat_shares(at_size, mask, label + 1).tolist()),
    }


def faithfulness(
    model: DiagnosedModel, sample: Sample, pixels: Tensor, label: int, heatmap: Tensor
) -> dict[str, Any]:
    """What the probability does when pixels are taken away, and the heatmap when weights are."""
    generator = torch.Generator().manual_seed(derive_seed(SEED, label, *sample.name.encode()))
    net = model.trained.net
    drop_hot, drop_random = probability_drops(net, pixels, label, heatmap, ERASED, generator)
    random_head, random_all = (
        rank_correlation(heatmap, model.heatmaps(randomized, pixels, [label])[0])
        for randomized in (model.random_head, model.random_all)
    )
    return {
        "insertion": area_under(insertion_curve(net, pixels, label, heatmap, STEPS)),
        "deletion": area_under(deletion_curve(net, pixels, label, heatmap, STEPS)),
        "drop_hot": drop_hot,
        "drop_random": drop_random,
        "random_head": random_head,
        "random_all": random_all,
    }
