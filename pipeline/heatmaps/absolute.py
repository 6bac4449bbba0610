"""Absolute heat: the logit of a class in each cell, against images that do not show the class.

Heat that is divided by its own maximum tells cells of one image apart. It does not tell a spot on a leaf from
the leaf: the leaf of a healthy image has as much of it. The logit of a cell does, measured on images without
the class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.base.sizes import grid_size, working_size
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.device import autocast
from pipeline.engine.mapping import Batch, ImagePass, map_images
from pipeline.heatmaps.levels import ClassLevels
from pipeline.params import HeatmapParams

CELLS = 0.99  # quantile over the cells of an image
IMAGES = 0.9  # quantile of these over images without the class: a few wrong labels do not move it
MOST = 200  # images without a class that are looked at


class LinearClassifier(Protocol):
    """A network whose logits are one linear layer of its averaged last feature map."""

    fc: nn.Linear

    def features(self, images: Tensor) -> list[Tensor]:
        """The feature maps of images (N, 3, H, W) in [0, 1] at all depths, each (N, K, h, w)."""


@dataclass(frozen=True)
class AbsoluteHeat:
    """A classifier and the levels that its heat counts from."""

    net: LinearClassifier
    levels: ClassLevels
    params: HeatmapParams
    long_side: int  # pixels of the working resolution

    def heatmaps(self, batch: Batch) -> dict[str, Tensor]:
        """For `cam`, sigmoid(logit of the cell - level) of the labels: float32 (N, P, h, w) in (0, 1).

        0 where an image has fewer than P labels. Above 0.5 a cell has more of the class than images without
        the class have.
        """
        first = batch.samples[0]
        size = grid_size(*working_size(first.height, first.width, self.long_side))
        logits = cell_logits(self.net, batch.views, flip=self.params.flip)
        levels = torch.tensor(self.levels.logits, device=logits.device)[:, None, None]
        heat = functional.interpolate(logits - levels, size, mode="bilinear", align_corners=False).sigmoid()
        longest = max(1, *(len(sample.labels) for sample in batch.samples))
        maps = heat.new_zeros((len(heat), longest, *size))
        for of_image, all_classes, sample in zip(maps, heat, batch.samples, strict=True):
            of_image[: len(sample.labels)] = all_classes[list(sample.labels)]
        return {"cam": maps}


def cell_logits(net: LinearClassifier, pyramid: Sequence[Tensor], *, flip: bool) -> Tensor:
    """The logit of each class in each cell, the mean over scales and flips: float32 (N, C, h, w).

    `h` and `w` are those of the largest map. The mean of the cells of one scale is the logit of the image,
    since global average pooling and one linear layer follow (Zhou et al. 2016, arXiv:1512.04150).

    Args:
        net: in eval mode.
        pyramid: the same images at every scale, each (N, 3, h, w).
    """
    maps = [_one_scale(net, images, flip=flip) for images in pyramid]
    size = max((of_scale.shape[-2:] for of_scale in maps), key=lambda shape: shape[0] * shape[1])
    resized = [functional.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps]
    return torch.stack(resized).mean(0)


def measure_levels(
    net: LinearClassifier,
    manifest: Manifest,
    samples: Sequence[Sample],
    params: HeatmapParams,
    sides: Sequence[int],
) -> ClassLevels:
    """The levels of all classes, on up to `MOST` of the samples without each class, evenly spaced.

    In data without background the levels are 0: there the classes compete among themselves.
    """
    classes = range(len(manifest.classes))
    chosen = {c: _spaced([s for s in samples if c not in s.labels]) for c in classes}
    if not manifest.background:
        chosen = {c: [] for c in classes}
    needed = {sample.name: sample for of_class in chosen.values() for sample in of_class}

    def compute(batch: Batch) -> list[NDArray[np.float32]]:
        logits = cell_logits(net, batch.views, flip=params.flip)
        quantiles: NDArray[np.float32] = logits.flatten(2).quantile(CELLS, 2).cpu().numpy()
        return list(quantiles)

    work = ImagePass("images without each class", manifest, sides, params.batch_size, compute)
    reached = dict(zip(needed, map_images(list(needed.values()), work), strict=True))
    logits = (
        float(np.quantile([reached[s.name][c] for s in chosen[c]], IMAGES)) if chosen[c] else 0.0
        for c in classes
    )
    return ClassLevels(tuple(logits), tuple(len(chosen[c]) for c in classes))


def _one_scale(net: LinearClassifier, images: Tensor, *, flip: bool) -> Tensor:
    maps = _cells(net, images)
    return (maps + _cells(net, images.flip(-1)).flip(-1)) / 2 if flip else maps


def _cells(net: LinearClassifier, images: Tensor) -> Tensor:
    with torch.inference_mode(), autocast(images.device):
        features = net.features(images)[-1].float()
    with torch.inference_mode():
        return functional.conv2d(features, net.fc.weight[:, :, None, None], net.fc.bias)


def _spaced(samples: Sequence[Sample]) -> list[Sample]:
    """At most `MOST` of the samples, evenly spaced."""
    count = min(MOST, len(samples))
    return [samples[i] for i in np.linspace(0, len(samples) - 1, count).round().astype(int)]
