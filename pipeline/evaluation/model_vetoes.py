"""Vetoes by a segmentation model, on images that it has not seen and on those that it learned from."""

from collections.abc import Sequence

import numpy as np

from pipeline.base.problems import listed
from pipeline.evaluation.agreement import Agreement
from pipeline.evaluation.classifier_vetoes import enough
from pipeline.evaluation.marked_areas import MarkedAreas
from pipeline.evaluation.veto import MOST_NAMES, Veto, percent

FALSE = 0.2  # of the mean areas that are marked on images with a class and without it, the second one
UNFOUND = 0.5  # share of the image-level labels without a pixel
CONFIRMED = 0.5  # share of the pixels of a class, mean over the classes
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
    sentence = (
        f"The {model} model gives no pixel to {percent(unfound.sum() / labels)} of the labels of images that "
        f"it has not seen. So the masks in `data/masks/{model}` are the result, not the model."
    )
    return [Veto("doubtful", sentence, predictions.named(np.flatnonzero(unfound.any(1))))]


def unconfirmed_masks(model: str, confirmed: Agreement) -> list[Veto]:
    """A veto where a model does not see most of what its training masks mark.

    Args:
        confirmed: shares of the masks of training images, see `confirmed_shares`.
    """
    if not confirmed.mean < CONFIRMED:  # also where no mask marks anything
        return []
    sentence = (
        f"The {model} model sees {percent(confirmed.mean)} of what the masks mark that it was trained on: it "
        "learned too little, or the masks are noise or far too large."
    )
    return [Veto("doubtful", sentence, least(confirmed))]


def contradicting_masks(masks: str, other: str, agreement: Agreement) -> list[Veto]:
    """A veto where two sets of masks of the same images agree little, by `class_ious`."""
    if not agreement.mean < AGREED:  # also where neither side has a class
        return []
    sentence = (
        f"The {masks} masks and the {other} masks contradict each other: mean IoU {agreement.mean:.2f}."
    )
    return [Veto("doubtful", sentence, least(agreement))]


def least(agreement: Agreement) -> tuple[str, ...]:
    """The images with the least agreement."""
    images = agreement.of_images
    return tuple(sorted(images, key=lambda name: (images[name], name))[:MOST_NAMES])
