"""The confidence of a mask, without ground truth."""

import numpy as np

from pipeline.data.arrays import ClassIndices, Probabilities, StoredHeatmaps
from pipeline.data.images import IGNORE, Mask
from pipeline.masks.threshold import Normalisation, Threshold, label_ids, normalised_scores, upsample


def mask_confidence(mask: Mask, probabilities: Probabilities, ids: Mask) -> float:
    """Mean over the foreground labels of the mean probability of a label where the mask has it; in [0, 1].

    A label without a pixel counts 0: it should be in the image and was not found. Pixels left open (255)
    do not count; a mask of open pixels alone has 0. The background counts only without others.

    `probabilities` (P, H, W) has one map for each of `ids`, e.g. `normalised_scores` of heatmaps.

    Raises:
        ValueError: the shapes do not fit, or the mask has an id that is neither in `ids` nor 255.
    """
    if probabilities.shape != (len(ids), *mask.shape):
        raise ValueError(f"Expected {len(ids)} x {mask.shape} probabilities, got {probabilities.shape}")
    unknown = sorted(set(np.unique(mask).tolist()) - {*ids.tolist(), IGNORE})
    if unknown:
        raise ValueError(f"Expected the ids {ids.tolist()} or 255 in the mask, got {unknown}")
    means = {}
    for label_id, probability in zip(ids.tolist(), probabilities, strict=True):
        values = probability[mask == label_id]
        means[label_id] = float(values.mean(dtype=np.float64)) if len(values) else 0.0
    counted = [mean for label_id, mean in means.items() if label_id] or list(means.values())
    return sum(counted) / len(counted) if counted else 0.0


def heat_confidence(
    mask: Mask,
    stored: StoredHeatmaps,
    classes: ClassIndices,
    threshold: Threshold,
    normalise: Normalisation = normalised_scores,
) -> float:
    """`mask_confidence` by the probabilities that `normalise` makes of heatmaps and threshold."""
    heatmaps = upsample(stored, (mask.shape[0], mask.shape[1]))
    ids = label_ids(heatmaps, classes, background=threshold is not None)
    return mask_confidence(mask, normalise(heatmaps, threshold), ids)
