"""Boundary IoU: the intersection over union of the bands along the outlines of two masks.

Source: Cheng et al. 2021, arXiv:2103.16562, eq. 2; reference code: github.com/bowenc0221/boundary-iou-api.
Deviation: counts are summed over the set before they are divided, as for the mIoU; the paper averages over
instances. Pixels that the ground truth leaves open (255) lie outside of both masks: the prediction there
never matters.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE
from pipeline.evaluation.confusion import Counts, Ids, check_ids, divide
from pipeline.evaluation.means import mean_present

BoolMask = NDArray[np.bool_]  # (H, W)


def boundary_counts(ground_truth: Ids, prediction: Ids, label_count: int, width: float) -> Counts:
    """Pixels in the bands of each label, int64 (L, 2): in both bands, in either. Additive over images.

    Arguments as for `confusion_matrix`. `width` is that of the band, as share of the image diagonal.
    """
    if ground_truth.ndim != 2 or ground_truth.shape != prediction.shape:
        raise ValueError(
            f"Expected ground truth and prediction (H, W), got {ground_truth.shape} and {prediction.shape}"
        )
    scored = ground_truth != IGNORE
    check_ids("ground truth", ground_truth[scored], label_count)
    check_ids("prediction", prediction, label_count)
    pixels = band_pixels(ground_truth.shape[0], ground_truth.shape[1], width)
    counts = np.zeros((label_count, 2), np.int64)
    for label_id in np.union1d(ground_truth[scored], prediction[scored]):
        expected = inner_band(ground_truth == label_id, pixels)
        predicted = inner_band((prediction == label_id) & scored, pixels)
        counts[label_id] = np.count_nonzero(expected & predicted), np.count_nonzero(expected | predicted)
    return counts


def boundary_iou(counts: Counts) -> float:
    """Mean boundary IoU over the foreground labels that have a band in either mask; NaN without any.

    The background is left out: its band lies along the same outlines once more, and along the image's frame.

    Args:
        counts: int64 (L, 2) of `boundary_counts`, summed over the set.
    """
    return mean_present(divide(counts[1:, 0], counts[1:, 1]))


def band_pixels(height: int, width: int, share: float) -> int:
    """The width of the band in pixels: `share` of the diagonal, rounded, at least 1."""
    return max(1, round(share * float(np.hypot(height, width))))


def inner_band(mask: BoolMask, pixels: int) -> BoolMask:
    """The pixels of `mask` at a chessboard distance of at most `pixels` from its outside.

    Beyond the image is outside, so a mask that the frame cuts off has a band along the frame.
    """
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)  # one pass = `pixels` passes of 3x3
    eroded = cv2.erode(mask.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    band: BoolMask = mask & (eroded == 0)
    return band
