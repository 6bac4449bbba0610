"""The logits of a classifier's cells: how much of an image has a class, against images without the class.

Heat that is divided by its own maximum tells cells of one image apart. It does not tell a spot on a leaf from
the leaf: the leaf of a healthy image has as much of it. The logit of a cell does.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.device import autocast
from pipeline.engine.mapping import Batch, ImagePass, map_images
from pipeline.errors import UserError
from pipeline.heatmaps.evidence import Evidence
from pipeline.params import HeatmapParams

SCALE = 3  # cells see a third of what they saw in the training
CELLS = 0.99  # quantile over the cells of an image
IMAGES = 0.9  # quantile of these over images without the class: a few wrong labels do not move it
MOST = 100  # images with labels that are looked at, and as many without
FEW = 5  # images with and without a class, at least, for its cells to count
DRAWS = 200  # of the bootstrap
SPREAD = 0.05, 0.95  # quantiles of the bootstrap

Cells = NDArray[np.float16]  # (C, h, w), logits


class LinearClassifier(Protocol):
    """A network whose logits are one linear layer of its averaged last feature map."""

    fc: nn.Linear

    def activations(self, images: Tensor) -> Tensor:
        """The last feature map (N, K, h, w) of images (N, 3, H, W) in [0, 1]."""


def measure_evidence(
    net: LinearClassifier,
    manifest: Manifest,
    samples: Sequence[Sample],
    params: HeatmapParams,
    long_side: int,
) -> Evidence:
    """The evidence in up to `MOST` of the samples with labels and as many without, evenly spaced."""
    unlabelled = [sample for sample in samples if not sample.labels]
    labelled = [sample for sample in samples if sample.labels]
    chosen = [*spaced(labelled, MOST), *spaced(unlabelled, MOST)]

    def compute(batch: Batch) -> list[tuple[Cells, Cells]]:
        trained, enlarged = (as_cells(cell_logits(net, view)) for view in batch.views)
        return list(zip(trained, enlarged, strict=True))

    sides = [long_side, SCALE * long_side]
    batch_size = max(1, params.batch_size // SCALE**2)  # the memory of one batch at the size of the training
    work = ImagePass("evidence", manifest, sides, batch_size, compute)
    trained, enlarged = zip(*map_images(chosen, work), strict=True)
    shown = np.array([np.isin(range(len(manifest.classes)), sample.labels) for sample in chosen])
    area, elevation, recognised = cell_evidence(shown, trained, enlarged)
    interval = area_interval(shown, enlarged)
    return Evidence(area, *interval, elevation, recognised, params.objects)


def cell_evidence(
    shown: NDArray[np.bool_], trained: Sequence[Cells], enlarged: Sequence[Cells]
) -> tuple[float, float, float]:
    """Area, elevation and recognition from cells at the size of the training and at `SCALE` times this size.

    Args:
        shown: whether an image shows a class, (N, C).
        trained, enlarged: of each image.
    """
    areas = _areas(shown, enlarged, _levels(shown, _reached(enlarged)))
    told = list(_told(shown, trained, enlarged))
    elevation, recognised = np.median(told, axis=0) if told else (1.0, 0.0)
    return float(areas.mean()), float(elevation), float(recognised)


def area_interval(shown: NDArray[np.bool_], enlarged: Sequence[Cells]) -> tuple[float, float]:
    """Where nine tenths of the areas lie that other images of the same kind would give.

    The bootstrap (Efron 1979, doi:10.1214/aos/1176344552) draws images with and without labels anew, as
    many of each, with replacement. The images without labels move the levels, those with labels the mean.

    Args:
        shown, enlarged: as in `cell_evidence`.
    """
    rng, reached = np.random.default_rng(0), _reached(enlarged)
    labelled, unlabelled = np.flatnonzero(shown.any(1)), np.flatnonzero(~shown.any(1))
    means = []
    for _ in range(DRAWS):
        drawn = np.concatenate([rng.choice(kind, len(kind)) for kind in (labelled, unlabelled)])
        levels = _levels(shown[drawn], reached[drawn])
        means.append(_areas(shown[drawn], [enlarged[i] for i in drawn], levels).mean())
    low, high = np.quantile(means, SPREAD)
    return float(low), float(high)


def cell_logits(net: LinearClassifier, images: Tensor) -> Tensor:
    """The logit of each class in each cell, float32 (N, C, h, w).

    The mean of the cells is the logit of the image, since global average pooling and one linear layer follow
    (Zhou et al. 2016, arXiv:1512.04150).

    Args:
        net: in eval mode.
        images: float32 (N, 3, H, W) in [0, 1].
    """
    with torch.inference_mode(), autocast(images.device):
        features = net.activations(images).float()
    with torch.inference_mode():
        return functional.conv2d(features, net.fc.weight[:, :, None, None], net.fc.bias)


def as_cells(logits: Tensor) -> Cells:
    """Logits float32 (N, C, h, w) in half the memory.

    Raises:
        UserError: a logit has no value there.
    """
    cells: Cells = logits.half().cpu().numpy()
    if not np.isfinite(cells).all():
        raise UserError(
            "heatmaps.objects: expected logits of cells up to 65504, got others: the training of "
            "the classifier has diverged. Lower classifier.training.lr or classifier.training.clip_norm"
        )
    return cells


def _reached(cells: Sequence[Cells]) -> NDArray[np.float64]:
    """The logit that few cells of each image exceed, (N, C)."""
    return np.array([np.quantile(c.reshape(len(c), -1).astype(np.float32), CELLS, axis=1) for c in cells])


def _levels(shown: NDArray[np.bool_], reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logit that cells of images without a class reach, (C,); 0 where all images show it."""
    levels = [
        np.quantile(of_class[~images], IMAGES) if not images.all() else 0.0
        for of_class, images in zip(reached.T, shown.T, strict=True)
    ]
    return np.array(levels)


def _areas(
    shown: NDArray[np.bool_], cells: Sequence[Cells], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The share of the cells of each image with labels that have more of one of them than the level says."""
    areas = [
        np.any(of_image[labels] > levels[labels, None, None], axis=0).mean()
        for labels, of_image in zip(shown, cells, strict=True)
        if labels.any()
    ]
    return np.array(areas)


def _told(
    shown: NDArray[np.bool_], trained: Sequence[Cells], enlarged: Sequence[Cells]
) -> Iterator[tuple[float, float]]:
    """Elevation and recognition of each class with enough images; 1 and 0 where no cell stands out."""
    for label, images in enumerate(shown.T):
        if min(images.sum(), (~images).sum()) < FEW:
            continue
        (low, _, top), (low_enlarged, middle, top_enlarged) = (
            _spread([of_image[label] for of_image in cells], images) for cells in (trained, enlarged)
        )
        height, height_enlarged = top - low, top_enlarged - low_enlarged
        if min(height, height_enlarged) <= 0:  # not recognised: there is no scale for the median cell
            yield 1.0, 0.0
        else:
            yield (middle - low_enlarged) / height_enlarged, height_enlarged / height


def _spread(cells: Sequence[Cells], images: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Medians over images: the median cell without the class, the median and the largest cell with it."""
    medians = np.array([np.median(of_image.astype(np.float32)) for of_image in cells])
    largest = np.array([of_image.max() for of_image in cells], np.float32)
    parts = medians[~images], medians[images], largest[images]
    low, middle, top = (float(np.median(part)) for part in parts)
    return low, middle, top
