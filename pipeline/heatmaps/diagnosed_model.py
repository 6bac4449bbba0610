"""One image under the diagnosis: where the heat of its classes lies, and what the scores rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.data.images import ImageArray, Mask
from pipeline.data.manifest import Sample
from pipeline.data.resize import image_tensor, resize
from pipeline.data.stream import derive_seed
from pipeline.engine.device import autocast, to_device
from pipeline.evaluation.diagnosis import ImageDiagnosis
from pipeline.evaluation.localisation import heat_shares, pointing_hit
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.fusion import fuse
from pipeline.heatmaps.layers import TargetLayer, find_target, same_target
from pipeline.heatmaps.perturbation import (
    area_under,
    deletion_curve,
    insertion_curve,
    paint_over,
    rank_correlation,
    score_drops,
    with_random_weights,
)

STEPS = 10  # of the insertion and deletion curves
ERASED = 0.2  # of the pixels
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
    def net(self) -> nn.Module:
        """The classifier."""
        return self.trained.net

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.net.parameters()).device

    def pixels(self, image: ImageArray) -> Tensor:
        """An image as the networks take it: float32 (3, h, w) on their device."""
        return to_device(image_tensor(image, self.long_side)[None], self.device)[0]

    def logits(self, image: ImageArray) -> Tensor:
        """Logits of all classes, float32 (C,), on the CPU."""
        with torch.inference_mode(), autocast(self.device):
            found: Tensor = self.net(self.pixels(image)[None])[0].float().cpu()
        return found

    def heatmaps(self, by: ModelAndTarget, pixels: Tensor, labels: Sequence[int]) -> Tensor:
        """Heatmaps (P, h, w) in [0, 1] of the labels by one of the networks, at one scale, mirrored too."""

        def make_maps(images: Tensor) -> dict[str, Tensor]:
            return class_maps(by.net, images, [labels], [self.method], by.target).maps

        size = pixels.shape[-2], pixels.shape[-1]
        return fuse(make_maps, [pixels[None]], size, flip=True)[self.method][0]

    def heatmap_at(self, image: ImageArray, label: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """The heatmap of one label of an image at a size of its own, (H, W) in [0, 1]."""
        with autocast(self.device):
            heat = self.heatmaps(self.trained, self.pixels(image), [label])
        return np.asarray(resize(heat, size)[0].cpu().numpy(), np.float32)


def make_diagnosed_model(net: nn.Module, head: nn.Module, method: str, long_side: int) -> DiagnosedModel:
    """`net` and its randomized copies; `head` is the last layer of it."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.rand((1, 3, long_side, long_side), generator=generator).to(next(net.parameters()).device)
    target = find_target(net, noise, None)
    randomized_models = (with_random_weights(net, SEED, only=head), with_random_weights(net, SEED))
    random_head, random_all = (
        ModelAndTarget(randomized, same_target(target, net, randomized)) for randomized in randomized_models
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
        mask: the ground-truth mask, if it may be used.
        background: then the logits (C,) with all objects painted over, see `background_logits`.
        detailed: the classes whose curves, erasures and randomized models are computed: most of the work.
    """
    if not sample.labels:
        return []
    pixels, logits = model.pixels(image), model.logits(image)
    with autocast(model.device):
        heatmaps = model.heatmaps(model.trained, pixels, sample.labels)
        found = []
        for label, heat in zip(sample.labels, heatmaps, strict=True):
            where = {} if mask is None or background is None else localisation(mask, background, label, heat)
            what = faithfulness(model, sample, pixels, label, heat) if label in detailed else {}
            found.append(ImageDiagnosis(sample.name, label, float(logits[label]), **where, **what))
    return found


def background_logits(model: DiagnosedModel, image: ImageArray, mask: Mask) -> Tensor:
    """Logits (C,) of an image with all its objects, those that are not scored too, painted over."""
    return model.logits(paint_over(image, mask != 0))


def localisation(mask: Mask, background: Tensor, label: int, heat: Tensor) -> dict[str, Any]:
    """Where the heat lies at the size of the mask, and the logit of the background."""
    at_size = resize(heat[None], (mask.shape[0], mask.shape[1]))[0].cpu().numpy()
    objects = mask == label + 1
    if not objects.any():  # label noise: shown, but not in the mask
        return {}
    return {
        "painted_logit": float(background[label]),
        "hit": pointing_hit(at_size, mask, label + 1) if at_size.any() else None,
        "shares": tuple(heat_shares(at_size, mask, label + 1).tolist()),
    }


def faithfulness(
    model: DiagnosedModel, sample: Sample, pixels: Tensor, label: int, heat: Tensor
) -> dict[str, Any]:
    """What the score does when parts are taken away, and what the heat does when weights are."""
    generator = torch.Generator().manual_seed(derive_seed(SEED, label, *sample.name.encode()))
    hot, random = score_drops(model.net, pixels, label, heat, ERASED, generator)
    randomized_models = {"random_head": model.random_head, "random_all": model.random_all}
    correlations = {
        name: rank_correlation(heat, model.heatmaps(randomized, pixels, [label])[0])
        for name, randomized in randomized_models.items()
    }
    return {
        "insertion": area_under(insertion_curve(model.net, pixels, label, heat, STEPS)),
        "deletion": area_under(deletion_curve(model.net, pixels, label, heat, STEPS)),
        "drop_hot": hot,
        "drop_random": random,
        **correlations,
    }
