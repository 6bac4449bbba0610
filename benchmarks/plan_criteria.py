"""The criteria by which `benchmarks.plans` ranks masks, and what a choice by a person's masks loses."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score

from benchmarks.plan_views import View, blocks
from pipeline.base.parallel import parallel_map
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.evaluation.confusion import label_ious
from pipeline.evaluation.means import mean_present
from pipeline.masks.pixel_classifier import pixel_features, train_pixel_classifier
from pipeline.workflows.object_colours import FOLDS, fold

DRAWS = 50  # sets of masks that a person makes
PIXELS = 500  # of each image

Row = dict[str, float]


def known_mean(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN; 0 without any."""
    mean = mean_present(np.array(values))
    return 0.0 if np.isnan(mean) else mean


def lost_by_choice(confusions: NDArray[np.int64], masks: int) -> float:
    """Points lost, on average, by the plan that is best on `masks` images of each class.

    Args:
        confusions: of each plan and image, (plans, images, L, L); empty ones of images without ground truth.
    """
    generator, lost = np.random.default_rng(0), []
    shown = confusions[0].sum(-1) > 0  # (images, L), by the ground truth
    for _ in range(DRAWS):
        drawn = np.zeros(len(shown), bool)
        for of_class in shown[:, 1:].T:
            order = generator.permutation(np.flatnonzero(of_class))
            drawn[order[:masks]] = True
        on_drawn, on_others = (mious(confusions[:, images].sum(1)) for images in (drawn, ~drawn))
        lost.append(on_others.max() - on_others[on_drawn.argmax()])
    return 100 * float(np.mean(lost))


def mious(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mIoU of each plan, from its counts (plans, L, L)."""
    return np.array([np.nanmean(label_ious(counts)) for counts in confusions])


def places(sample: Sample) -> NDArray[np.intp]:
    """The drawn pixels of an image."""
    size = sample.height * sample.width
    generator = np.random.default_rng([sample.height, sample.width])
    return np.sort(generator.choice(size, PIXELS, replace=size < PIXELS))


def drawn_features(view: View) -> NDArray[np.float32]:
    """Features of the drawn pixels, (images, PIXELS, FEATURES)."""
    draw = partial(features_of, view.manifest.without_samples())
    return np.concatenate(parallel_map(draw, blocks(view), description="features"))


def features_of(manifest: Manifest, samples: Sequence[Sample]) -> NDArray[np.float32]:
    """Features of the drawn pixels of some images."""
    return np.stack([pixel_features(manifest.image(s))[places(s)] for s in samples])


def told_by_looks(view: View, features: NDArray[np.float32], ids: Mask) -> tuple[Row, NDArray[np.float32]]:
    """How well looks tell the ids (images, PIXELS), and the probabilities of ids, by the other half."""
    labels = len(view.manifest.classes) + 1
    folds = np.array([fold(sample) for sample in view.manifest.samples])
    probabilities = np.zeros((*ids.shape, labels))
    for number in range(FOLDS):
        others = folds != number
        of_others = ids[others].ravel()
        first, second = (features[part].reshape(-1, features.shape[-1]) for part in (others, ~others))
        logs = train_pixel_classifier(first, of_others, labels, number).log_likelihoods(second)
        prior = (np.bincount(of_others, minlength=labels) + 1) / (of_others.size + labels)
        joint = np.exp(logs) * prior
        probabilities[~others] = (joint / joint.sum(1, keepdims=True)).reshape(*ids[~others].shape, labels)
    shares = np.bincount(ids.ravel(), minlength=labels) / ids.size
    entropy = -sum(p * np.log2(p) for p in shares if p)
    given = -np.log2(np.take_along_axis(probabilities, ids[..., None].astype(int), -1)).mean()
    aucs = [
        roc_auc_score(ids.ravel() == i, probabilities[..., i].ravel())
        for i in range(1, labels)
        if 0 < shares[i] < 1
    ]
    row = {
        "information": float(entropy - given),
        "told": float((entropy - given) / max(entropy, 1e-9)),
        "auc": float(np.mean(aucs)) if aucs else 0.0,
    }
    return row, probabilities.astype(np.float32)


def agreement(first: Mask, second: Mask) -> float:
    """Mean IoU of the classes of ids of the same pixels, without the background."""
    present = [i for i in np.union1d(first, second) if i]
    ious = [((first == i) & (second == i)).sum() / ((first == i) | (second == i)).sum() for i in present]
    return float(np.mean(ious)) if ious else 0.0


def regret(rows: Sequence[Row], keys: Sequence[str]) -> tuple[float, float]:
    """Points lost against the best plan, and Spearman's rank correlation with the true scores."""
    scores = sum(rankdata([row[key] for row in rows]) for key in keys)
    true = np.array([row["miou"] for row in rows])
    return 100 * float(true.max() - true[int(np.argmax(scores))]), float(spearmanr(scores, true).statistic)
