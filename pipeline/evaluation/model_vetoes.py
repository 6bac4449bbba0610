"""Vetoes by a segmentation model, on images that it has not seen and on those that it learned from."""

from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.agreement import Agreement
from pipeline.evaluation.classifier_vetoes import enough
from pipeline.evaluation.marked_areas import MarkedAreas
from pipeline.evaluation.veto import MOST_NAMES, Veto, listed, percent

FALSE = 0.2  # of the mean areas that are marked on images with a class and without it, the second one
UNFOUND = 0.5  # share of the image-level labels without a pixel
AGREED = 0.5  # mean IoU


def false_areas(classes: Sequence[str], model: str, predictions: MarkedAreas) -> list[Veto]:
    """A veto where a model marks a class on images without it too, by the mean areas with and without it."""
    false: dict[str, float] = {}
    for label in map(int, np.flatnonzero(enough(predictions.shown))):
        shown, areas = predictions.shown[:, label], predictions.areas[:, label]
        with_class, without = areas[shown].mean(), areas[~shown].mean()
        if without > FALSE * (with_class + without):
            false[classes[label]] = float(without / (with_class + without))
    if not false:
        return []
    names = [f"`{name}` ({false[name]:.2f})" for name in sorted(false, key=lambda n: -false[n])]
    sentence = (
        f"The {model} model marks classes on images that do not show them: {listed(names)}. At 0.5 these "
        "images have as much of the class as those that show it."
    )
    wrong = np.where(predictions.shown, 0, predictions.areas)[:, [name in false for name in classes]].max(1)
    order = np.argsort(-wrong, kind="stable")
    return [Veto("doubtful", sentence, predictions.named(order[: (wrong > 0).sum()]))]


def unfound_labels(model: str, predictions: MarkedAreas) -> list[Veto]:
    """A veto where a model gives no pixel to most image-level labels of images that it has not seen."""
    unfound, labels = predictions.shown & (predictions.areas == 0), predictions.shown.sum()
    if unfound.sum() <= UNFOUND * labels:
        return []
    share = percent(unfound.sum() / labels)
    sentence = f"The {model} model gives no pixel to {share} of the labels of images that it has not seen."
    images = predictions.named(np.flatnonzero(unfound.any(1)))
    return [Veto("doubtful", f"{sentence} {masks_stay(model)}", images)]


def contradicted_masks(model: str, agreement: Agreement) -> list[Veto]:
    """A veto where a model makes other masks of its training images than those that it was trained on."""
    return _disagreement(
        f"The {model} model contradicts the masks that it was trained on", agreement, masks_stay(model)
    )


def contradicting_masks(masks: str, other: str, agreement: Agreement) -> list[Veto]:
    """A veto where two sets of masks of the same images agree little."""
    return _disagreement(f"The {masks} masks and the {other} masks contradict each other", agreement)


def masks_stay(masks: str) -> str:
    """What to take in place of a model."""
    return f"So the masks in `data/masks/{masks}` are the result, not the model."


def _disagreement(start: str, agreement: Agreement, end: str = "") -> list[Veto]:
    if not agreement.mean < AGREED:  # also where neither side has a class
        return []
    ious = agreement.of_images
    worst = tuple(sorted(ious, key=lambda name: (ious[name], name))[:MOST_NAMES])
    return [Veto("doubtful", f"{start}: mean IoU {agreement.mean:.2f}. {end}".rstrip(), worst)]
