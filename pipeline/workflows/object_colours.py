"""`pseudo_masks.refine: colours`: the colours of each class, learnt from the heat of other images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import write_npz
from pipeline.base.parallel import in_blocks, parallel_stream
from pipeline.base.spaced import spaced
from pipeline.data.arrays import Heatmaps
from pipeline.data.images import ImageArray
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.processes import group
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.area_threshold import area_threshold
from pipeline.masks.colour_ratio import (
    BINS,
    FALSE_AREAS,
    ColourCounts,
    Colours,
    colour_heat,
    colours_of,
    log_ratio,
    ratio_threshold,
)
from pipeline.masks.otsu_threshold import POWER, Histogram, otsu
from pipeline.masks.threshold import upsample
from pipeline.workflows.heatmap_threshold import pooled_histogram
from pipeline.workflows.object_size import ENOUGH, count_unlabelled
from pipeline.workflows.pseudo_mask_job import ThresholdedHeat

WARM, FAR = 2, 4  # times the area above the threshold: where objects may be, and beyond which none is
MOST = 0.9  # of all pixels
GRID = 64  # cells a side of the maps of where heat lies
FOLDS = 2  # an image's colours are those of the other half
FILE = "colours.npz"
WITNESSES = 300  # images with labels that tell whether classes have colours of their own, and as many without


class HeatLimits(NamedTuple):
    """Values of heat, in [0, 1]."""

    hot: float  # above it a pixel is taken for the class
    warm: float  # above it an object may be
    far: float  # up to it there is none


@dataclass(frozen=True)
class ObjectColours:
    """What `learn_colours` writes, a value for each class."""

    ratios: NDArray[np.float64]  # (FOLDS, C, BINS**3), log odds for the images of a fold
    thresholds: NDArray[np.float64]  # (C,), log odds; NaN where colours do not tell a class
    warm: float  # heat above which objects may be

    @classmethod
    def read(cls, file: Path) -> Self:
        with np.load(file, allow_pickle=False) as arrays:
            return cls(arrays["ratios"], arrays["thresholds"], float(arrays["warm"]))

    @property
    def tell_any(self) -> bool:
        """Whether colours tell at least one class."""
        return not bool(np.isnan(self.thresholds).all())

    def tell(self, sample: Sample) -> bool:
        """Whether colours tell all labels of the sample."""
        return not np.isnan(self.thresholds[list(sample.labels)]).any()

    def heat(self, sample: Sample, image: ImageArray, heatmaps: Heatmaps) -> Heatmaps:
        """Probabilities (P, H, W) of the sample's labels by colour, 0 where nothing is warm."""
        labels = list(sample.labels)
        ratios, colours = self.ratios[fold(sample), labels], colours_of(image)
        return colour_heat(heatmaps, colours, ratios, self.thresholds[labels], self.warm)


def learn_colours(manifest: Manifest, heat: ThresholdedHeat, work: Path) -> Path | None:
    """The file with the colours of each class, learnt once for a work folder; without masks.

    None in data without background: there every colour is one of an object.

    Args:
        heat: heatmaps of the training images; pixels above its threshold are taken for the class.
    """
    file, threshold = work / FILE, heat.threshold
    if threshold is None:
        return None
    group().by_first(lambda: _write_colours(file, manifest, heat.folder, threshold))
    return file


def own_colour_share(manifest: Manifest, heat: Path, area: float) -> float:
    """The share of the classes that have colours of their own, by evenly spaced training images.

    Images without the class have next to none of these colours: the first of `FALSE_AREAS` of what is found.
    Spots on a leaf have such colours. Whole animals, which share theirs with what is around, hardly do.

    Args:
        heat: heatmaps of the training images.
        area: share of the pixels, the hottest ones, that are taken for the class.
    """
    train = manifest.split("train")
    labelled, unlabelled = ([s for s in train if bool(s.labels) == shown] for shown in (True, False))
    samples = [*spaced(labelled, WITNESSES), *spaced(unlabelled, WITNESSES)]
    histogram = pooled_histogram(heat, samples)
    threshold = max(otsu(histogram, POWER), area_threshold(histogram, area))
    _, counts = _colour_counts(manifest, samples, heat, threshold)
    found = _colours(counts, FALSE_AREAS[:1])["thresholds"]
    return float(np.isfinite(found).mean())


def _write_colours(file: Path, manifest: Manifest, heat: Path, threshold: float) -> None:
    if not file.exists():
        limits, counts = _colour_counts(manifest, manifest.split("train"), heat, threshold)
        write_npz(file, {**_colours(counts), "warm": np.array(limits.warm)})


def _colour_counts(
    manifest: Manifest, samples: Sequence[Sample], heat: Path, threshold: float
) -> tuple[HeatLimits, ColourCounts]:
    """The limits of heat by a threshold, and what `_counts` finds in all samples."""
    histogram, blocks = pooled_histogram(heat, samples), in_blocks(samples)
    limits = HeatLimits(threshold, *(_limit(histogram, threshold, times) for times in (WARM, FAR)))
    nothing = np.zeros((len(manifest.classes), GRID, GRID))
    lie = partial(_places, heat, limits, nothing)
    places = sum(parallel_stream(lie, blocks, description="places"), nothing)
    # Objects of other classes are no background: with enough images without labels, these are the negatives.
    only_unlabelled = count_unlabelled(manifest) >= ENOUGH
    count = partial(_counts, manifest.without_samples(), heat, limits, places, only_unlabelled)
    counts = sum(parallel_stream(count, blocks, description="colours"), _no_counts(len(nothing)))
    return limits, counts


def fold(sample: Sample) -> int:
    """The half of a data set to which a sample belongs, by its name alone."""
    return crc32(sample.name.encode()) % FOLDS


def _limit(histogram: Histogram, threshold: float, times: int) -> float:
    """The heat above which `times` the area lies that lies above the threshold."""
    above = histogram[np.arange(256) / 255 > threshold].sum() / histogram.sum()
    return area_threshold(histogram, min(MOST, times * float(above)))


def _places(
    heat: Path, limits: HeatLimits, nothing: NDArray[np.float64], samples: Sequence[Sample]
) -> NDArray[np.float64]:
    """Where the heat of each class lies, summed over images: float64 (C, GRID, GRID)."""
    store, places = HeatmapStore(heat), nothing.copy()
    for sample in samples:
        for label, stored in zip(sample.labels, store.read(sample), strict=False):
            hot = (stored > limits.hot * 255).astype(np.float32)
            places[label] += cv2.resize(hot, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return places


def _counts(
    manifest: Manifest,
    heat: Path,
    limits: HeatLimits,
    places: NDArray[np.float64],
    only_unlabelled: bool,
    samples: Sequence[Sample],
) -> ColourCounts:
    """Colours of hot, far, warm pixels, and of images without the class: float64 (FOLDS, C, 4, BINS**3)."""
    store, counts = HeatmapStore(heat), _no_counts(len(places))
    for sample in samples:
        colours, of_fold = colours_of(manifest.image(sample)), counts[fold(sample)]
        heatmaps = upsample(store.read(sample), (colours.shape[0], colours.shape[1]))
        largest = heatmaps.max(axis=0, initial=0)
        for label, heat_of in zip(sample.labels, heatmaps, strict=True):
            hot, warm = (heat_of > limits.hot) & (heat_of >= largest), heat_of > limits.warm
            of_fold[label, 0] += _count(colours, hot)
            of_fold[label, 1] += _count(colours, _weights(largest <= limits.far))
            of_fold[label, 2] += _count(colours, warm)
        if not sample.labels or not only_unlabelled:
            for label in set(range(len(places))) - set(sample.labels):
                of_fold[label, 3] += _count(colours, _weights(cv2.resize(places[label], colours.shape[::-1])))
    return counts


def _no_counts(classes: int) -> ColourCounts:
    return np.zeros((FOLDS, classes, 4, BINS**3))


def _weights(values: NDArray[Any]) -> NDArray[np.float64]:
    """Values divided by their sum: every image weighs the same, however much of it is far."""
    return np.asarray(values / max(float(values.sum()), 1e-12))


def _count(colours: Colours, weights: NDArray[Any]) -> ColourCounts:
    return np.bincount(colours.ravel(), weights.ravel(), BINS**3).astype(np.float64)


def _colours(
    counts: ColourCounts, false_areas: Sequence[float] = FALSE_AREAS
) -> dict[str, NDArray[np.float64]]:
    """Log odds for each fold from the counts of the other one, thresholds from its own.

    A class without a hot pixel in one of the folds has no threshold: nothing was learnt for the other one.
    """
    ratios = np.array([[log_ratio(of[0], of[1], of[3]) for of in other] for other in counts[::-1]])
    of_class = zip(*(part.swapaxes(0, 1) for part in (ratios, counts[:, :, 2], counts[:, :, 3])), strict=True)
    found = [ratio_threshold(log_odds, warm, others, false_areas) for log_odds, warm, others in of_class]
    thresholds = np.array(found, float)
    learnt = counts[:, :, 0].any(axis=2).all(axis=0)
    return {"ratios": ratios, "thresholds": np.where(learnt, thresholds, np.nan)}
