"""Objects found and objects invented: connected parts of a label in the ground truth and in a prediction."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE
from pipeline.evaluation.boundary import BoolMask
from pipeline.evaluation.confusion import Counts, Ids


def object_counts(ground_truth: Ids, prediction: Ids, label_count: int) -> Counts:
    """Objects of each label, int64 (L, 3): found, all, and false ones. Additive over images.

    An object is a part of the ground truth whose pixels touch, corners included. It is found if the
    prediction has its label on one of its pixels. A part of the prediction is false if it lies on no pixel
    of its label and on no open one (255). Read it beside precision and recall of pixels: one part may find
    many objects. The background has no counts.

    Arguments as for `confusion_matrix`.
    """
    counts = np.zeros((label_count, 3), np.int64)
    for label_id in np.union1d(ground_truth, prediction):
        if label_id not in (0, IGNORE):
            true, predicted = ground_truth == label_id, prediction == label_id
            found, objects = touched_parts(true, predicted)
            right, parts = touched_parts(predicted, true | (ground_truth == IGNORE))
            counts[label_id] = found, objects, parts - right
    return counts


def touched_parts(mask: BoolMask, other: BoolMask) -> tuple[int, int]:
    """The number of connected parts of `mask` that overlap `other`, and of all its parts."""
    count, parts = label_parts(mask)
    return int(np.count_nonzero(np.unique(parts[other]))), count


def label_parts(mask: BoolMask) -> tuple[int, NDArray[np.int32]]:
    """How many connected parts `mask` has, and the number of the part at each pixel, from 1; 0 outside."""
    count, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(parts, np.int32)
