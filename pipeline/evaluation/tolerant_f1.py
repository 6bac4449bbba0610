"""F1 of pixels that forgives two pixels beside thin things: nobody draws the edge of a crack more exactly."""

import cv2
import numpy as np

from pipeline.data.images import IGNORE
from pipeline.evaluation.boundary import BoolMask
from pipeline.evaluation.confusion import ClassScores, Counts, Ids, divide
from pipeline.evaluation.object_counts import label_parts

THIN = 8  # pixels: in a thin thing, no square of this side fits
TOLERANCE = 2  # pixels, Euclidean


def tolerant_counts(ground_truth: Ids, prediction: Ids, label_count: int) -> Counts:
    """Pixels of each label, int64 (L, 4): right, predicted, found, true. Additive over images.

    A predicted pixel is right on its label, or at most `TOLERANCE` from a thin part of it. A true pixel is
    found if it is predicted; on a thin part, if it lies at most `TOLERANCE` from a predicted one. Pixels that
    the ground truth leaves open (255) do not count. The background has no counts.

    Arguments as for `confusion_matrix`.
    """
    counts, known = np.zeros((label_count, 4), np.int64), ground_truth != IGNORE
    for label_id in np.union1d(ground_truth[known], prediction[known]):
        if label_id:
            true, predicted = ground_truth == label_id, (prediction == label_id) & known
            thin = thin_parts(true)
            right = predicted & (true | near(thin))
            found = true & (predicted | (thin & near(predicted)))
            counts[label_id] = [np.count_nonzero(pixels) for pixels in (right, predicted, found, true)]
    return counts


def tolerant_f1(counts: Counts) -> ClassScores:
    """2 P R / (P + R) of each label, float64 (L,); NaN where the ground truth has no pixel of it.

    Args:
        counts: int64 (L, 4) of `tolerant_counts`, summed over the set.
    """
    right, predicted, found, true = counts.T
    precision, recall = np.nan_to_num(divide(right, predicted)), divide(found, true)
    total = precision + recall
    return np.asarray(np.where(total > 0, 2 * precision * recall / np.where(total > 0, total, 1), recall))


def thin_parts(mask: BoolMask) -> BoolMask:
    """The connected parts of `mask` in which no square of `THIN` pixels fits."""
    square = np.ones((THIN, THIN), np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    _, parts = label_parts(mask)
    thin: BoolMask = mask & ~np.isin(parts, parts[inner > 0])
    return thin


def near(mask: BoolMask) -> BoolMask:
    """The pixels at most `TOLERANCE` from a pixel of `mask`."""
    steps = np.arange(-TOLERANCE, TOLERANCE + 1)
    disc = (steps[:, None] ** 2 + steps**2 <= TOLERANCE**2).astype(np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT) > 0)
