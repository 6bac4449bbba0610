"""What should become of heatmaps, from the definitions: float64, without a line of the pipeline.

Only the CRF's mean field comes from pydensecrf, as it does there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.golden.nets_by_hand import Array, Ids, resize
from tests.golden.project import CLASSES, CORRECTED, SAMPLES, GoldenSample, draw

IGNORE = 255
LABELS = 4  # the background counted
GRID = [step / 50 for step in range(1, 50)]
UNCORRECTED = [sample for sample in SAMPLES if sample.split == "train" and sample.name != CORRECTED]
SCORED = [sample for sample in UNCORRECTED if sample.score]


@dataclass(frozen=True)
class ExpectedMasks:
    """The masks of one image, and how sure the published one is."""

    seed: Ids
    refined: Ids
    mask: Ids
    confidence: float


def wide(stored: Mapping[str, Ids], sample: GoldenSample) -> Array:
    """The heat (P, H, W) of an image at its own size."""
    if not sample.labels:
        return np.zeros((0, *sample.size))
    return resize(stored[sample.name].astype(float), sample.size, antialias=False) / 255


def make(
    heat: Array, sample: GoldenSample, threshold: float, section: Mapping[str, Any], *, odds: bool
) -> ExpectedMasks:
    """By the section `pseudo_masks`, with its CRF and its band."""
    labels = list(sample.labels)
    probabilities = shares(heat, threshold, odds=odds)
    ids = np.array([0, *(label + 1 for label in labels)], np.uint8)
    refined = ids[crf(draw(sample)[0], probabilities, section["crf"]).argmax(0)]
    peak = heat.max(0, initial=0)
    mask = refined.copy()
    mask[(peak > threshold - section["band"]) & (peak <= threshold + section["band"])] = IGNORE
    return ExpectedMasks(
        seed_labels(heat, labels, threshold), refined, mask, mask_confidence(mask, probabilities, labels)
    )


def curve(stored: Mapping[str, Ids]) -> list[float]:
    """The mIoU of the heatmaps at every threshold of the grid."""
    heat = [(sample, wide(stored, sample), draw(sample)[1]) for sample in SCORED]
    tables = [
        sum(
            count(ground_truth, seed_labels(result, sample.labels, t), LABELS)
            for sample, result, ground_truth in heat
        )
        for t in GRID
    ]
    return [mean_iou(np.asarray(table)) for table in tables]


def metrics(
    points: list[float], expected_masks: Mapping[str, ExpectedMasks], threshold: float
) -> dict[str, Any]:
    """What metrics.json should say; `points` are those of the `curve`."""
    seed, refined, mask = (total(expected_masks, kind) for kind in ("seed", "refined", "mask"))
    labelled = [label for label in range(1, LABELS) if mask[:, label].sum()]
    return {
        "corrected": 1,
        "lost_labels": lost_labels(expected_masks),
        "quality": {
            "confidence": np.mean([one.confidence for one in expected_masks.values()]),
            "ignored": np.mean([(one.mask == IGNORE).mean() for one in expected_masks.values()]),
        },
        "threshold": threshold,
        "heatmaps": {
            "threshold_chosen": threshold,
            "miou_chosen": mean_iou(seed),
            "threshold_best": GRID[points.index(max(points))],
            "miou_best": max(points),
        },
        "pseudo_masks": {
            "miou": mean_iou(refined),
            "precision": np.mean([mask[i, i] / mask[:, i].sum() for i in labelled]),
            "recall": np.mean([mask[i, i] / mask[i].sum() for i in range(1, LABELS) if mask[i].any()]),
            "coverage": mask[:, :LABELS].sum() / mask.sum(),
        },
    }


def lost_labels(expected_masks: Mapping[str, ExpectedMasks]) -> dict[str, int]:
    """By class: the images whose label has no pixel in the mask."""
    lost = [
        CLASSES[label]
        for sample in UNCORRECTED
        for label in sample.labels
        if not (expected_masks[sample.name].mask == label + 1).any()
    ]
    return {name: lost.count(name) for name in CLASSES if name in lost}


def total(expected_masks: Mapping[str, ExpectedMasks], kind: str) -> Any:
    """Pixels by true and found label, of all images whose masks count in scores."""
    return sum(
        count(draw(sample)[1], getattr(expected_masks[sample.name], kind), LABELS) for sample in SCORED
    )


def otsu(heatmaps: Sequence[Ids], power: float) -> float:
    """Half a level above the one that parts the strongest heat of all cells, to this power, best."""
    levels = np.concatenate([heat.max(0).ravel() for heat in heatmaps])
    warmth = (levels / 255) ** power
    best, chosen = -1.0, 0
    for level in range(255):
        low, high = warmth[levels <= level], warmth[levels > level]
        if low.size and high.size:
            between = low.size * high.size * (low.mean() - high.mean()) ** 2
            if between > best * (1 + 1e-12):
                best, chosen = between, level
    return (chosen + 0.5) / 255


def seed_labels(heat: Array, labels: Sequence[int], threshold: float) -> Ids:
    """The label of the largest heat where that is above the threshold, else the background."""
    result = np.zeros(heat.shape[1:], np.uint8)
    peak = np.full(heat.shape[1:], threshold)
    for one, label in zip(heat, labels, strict=True):
        result[one > peak] = label + 1
        peak = np.maximum(peak, one)
    return result


def shares(heat: Array, threshold: float, *, odds: bool) -> Array:
    """Probabilities (P + 1, H, W) of the background and the labels, by their heat or by its odds."""
    values = np.stack([np.full(heat.shape[1:], threshold), *heat])
    if odds:
        values = values / (1 + 0.5 / 255 - values)  # half a level: the odds of 1 are infinite
    return np.asarray(values / values.sum(0))


def crf(image: Ids, probabilities: Array, section: Mapping[str, Any]) -> Array:
    """Marginals of the fully connected CRF."""
    from pydensecrf import densecrf  # not on every machine

    labels, height, width = probabilities.shape
    if labels == 1:
        return probabilities
    energy = -np.log(np.clip(probabilities, 1e-5, 1)).reshape(labels, -1)
    field = densecrf.DenseCRF2D(width, height, labels)
    field.setUnaryEnergy(np.ascontiguousarray(energy, np.float32))
    side = max(height, width)
    field.addPairwiseGaussian(sxy=section["gaussian_sxy"] * side, compat=section["gaussian_compat"])
    field.addPairwiseBilateral(
        sxy=section["bilateral_sxy"] * side,
        srgb=section["bilateral_srgb"],
        rgbim=np.ascontiguousarray(image),
        compat=section["bilateral_compat"],
    )
    result = np.array(field.inference(section["iterations"]), np.float64)
    return result.reshape(labels, height, width)


def count(ground_truth: Ids, prediction: Ids, labels: int) -> NDArray[np.int64]:
    """Pixels by true label (rows) and found label (columns, open ones last), without open true ones."""
    known = ground_truth != IGNORE
    columns = np.where(prediction == IGNORE, labels, prediction)
    table = np.zeros((labels, labels + 1), np.int64)
    np.add.at(table, (ground_truth[known], columns[known]), 1)
    return table


def mean_iou(table: NDArray[np.int64]) -> float:
    """Over the labels in ground truth or prediction; open pixels are left out."""
    known = table[:, : len(table)]
    unions = known.sum(0) + known.sum(1) - np.diag(known)
    return float(np.mean([known[i, i] / unions[i] for i in range(len(table)) if unions[i]]))


def mask_confidence(mask: Ids, probabilities: Array, labels: Sequence[int]) -> float:
    """Mean over the labels of the mean probability where the mask has it; background only where alone."""
    ids = [label + 1 for label in labels] or [0]
    means = []
    for index in ids:
        row = probabilities[0 if not index else labels.index(index - 1) + 1]
        means.append(float(row[mask == index].mean()) if (mask == index).any() else 0.0)
    return sum(means) / len(means)
