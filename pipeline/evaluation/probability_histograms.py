"""What the probabilities of a model are worth at every threshold, from histograms that add up."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Probabilities
from pipeline.data.images import IGNORE
from pipeline.evaluation.confusion import Counts, Ids
from pipeline.evaluation.object_counts import label_parts

KINDS = ("label", "other", "absent", "objects")  # of pixels, see `probability_histograms`

DOUBLING = 32  # bins for each doubling of the odds
LOWEST = -16  # power of two of the lowest odds that have a bin of their own
BINS = 2 * -LOWEST * DOUBLING
WHOLE = 2**32  # what an object counts in the bins of its pixels together; whole numbers add up exactly
RATE = 1e-4  # of false pixels, for `recall_at_rate`
LIMIT = 0.3  # of the rate of false pixels, for `aupro`


def probability_bins(probabilities: Probabilities) -> NDArray[np.intp]:
    """The bin of each probability in [0, 1]; bins are shares of the odds, fine near 0 and near 1.

    A float32 holds the power of two, then the fraction: its upper bits are a logarithmic scale.
    """
    values = np.clip(np.asarray(probabilities, np.float32), 0, 1)  # a mean of softmax may exceed 1
    with np.errstate(divide="ignore"):
        odds = values / (1 - values)
    bits = odds.view(np.int32) >> (23 - 5)  # 2**5 = DOUBLING
    return np.asarray(np.clip(bits - (127 + LOWEST) * DOUBLING, 0, BINS - 1), np.intp)


def probability_histograms(ground_truth: Ids, probabilities: Probabilities) -> Counts:
    """Pixels of each label by kind and bin of probability, int64 (L, 4, BINS). Additive over images.

    Kinds: pixels of the label; all others; the others of images that show nothing of the label; and each
    object of the label, `WHOLE` in all. Pixels that the ground truth leaves open (255) do not count. The
    background has no counts.
    """
    known = ground_truth != IGNORE
    counts = np.zeros((len(probabilities), len(KINDS), BINS), np.int64)
    for label_id in range(1, len(probabilities)):
        bins, true = probability_bins(probabilities[label_id]), ground_truth == label_id
        label, other, absent, objects = counts[label_id]
        other += np.bincount(bins[known & ~true], minlength=BINS)
        if true.any():
            label += np.bincount(bins[true], minlength=BINS)
            objects += object_histogram(bins, true)
        else:
            absent += other
    return counts


def object_histogram(bins: NDArray[np.intp], true: NDArray[np.bool_]) -> Counts:
    """Each connected part of `true` spread over the bins of its pixels, int64 (BINS,)."""
    count, parts = label_parts(true)
    sizes = np.bincount(parts[true], minlength=count + 1)
    histogram = np.zeros(BINS, np.int64)
    np.add.at(histogram, bins[true], WHOLE // sizes[parts[true]])
    return histogram


def recall_at_rate(counts: Counts) -> float:
    """The share of a label's pixels above the threshold that `RATE` of the pixels without it exceed.

    Only pixels of images that show nothing of the label set the threshold. NaN without such pixels, and
    without pixels of the label.

    Args:
        counts: int64 (4, BINS) of one label.
    """
    label, absent = above(counts[KINDS.index("label")]), above(counts[KINDS.index("absent")])
    if not label[0] or not absent[0]:
        return float("nan")
    return float(label[absent <= RATE * absent[0]][0] / label[0])


def aupro(counts: Counts) -> float:
    """The mean share of an object that is found, over rates of false pixels up to `LIMIT`, in [0, 1].

    NaN without an object, and without other pixels.

    Args:
        counts: int64 (4, BINS) of one label.

    Source: area under the per-region overlap, Bergmann et al. 2021, doi:10.1007/s11263-020-01400-4.
    """
    objects, other = above(counts[KINDS.index("objects")]), above(counts[KINDS.index("other")])
    if not objects[0] or not other[0]:
        return float("nan")
    rate, overlap = (other / other[0])[::-1], (objects / objects[0])[::-1]  # from the highest threshold down
    inside = rate < LIMIT
    rates = np.append(rate[inside], LIMIT)
    overlaps = np.append(overlap[inside], np.interp(LIMIT, rate, overlap))
    return float(np.trapezoid(overlaps, rates) / LIMIT)


def above(histogram: Counts) -> Counts:
    """How many lie in each bin or a higher one; the last value, above all bins, is 0."""
    return np.append(histogram[::-1].cumsum()[::-1], 0)
