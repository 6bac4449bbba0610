"""Vetoes by what pseudo-masks mark."""

from collections.abc import Sequence

import numpy as np

from pipeline.base.problems import listed
from pipeline.evaluation.diagnosis import FEWEST
from pipeline.evaluation.marked_areas import MarkedAreas
from pipeline.evaluation.veto import MOST_NAMES, Level, Veto, percent

LOST, MOST_LOST = 0.2, 0.5  # share of the image-level labels without a pixel: doubtful, useless
FULL = 0.95  # share of its image that a full mask covers
MANY, NEARLY_ALL = 0.2, 0.9  # share of the masks that are full: doubtful, useless
FLOODED, DROWNED = 2, 4  # times the area that cells of the classifier have: doubtful, useless


def many_lost_labels(masks: str, labels: int, lost: Sequence[str]) -> list[Veto]:
    """A veto where many image-level labels have no pixel.

    Args:
        masks: their name.
        labels: their number.
        lost: the name of the image of each label without a pixel.
    """
    share = len(lost) / max(1, labels)
    if share <= LOST:
        return []
    sentence = f"{percent(share)} of the image-level labels have no pixel in the {masks} masks."
    images = tuple(dict.fromkeys(lost))[:MOST_NAMES]
    return [Veto("useless" if share > MOST_LOST else "doubtful", sentence, images)]


def full_masks(masks: MarkedAreas) -> list[Veto]:
    """A veto where masks of images with labels cover nearly the whole image."""
    labelled = masks.shown.any(1)
    full = labelled & (masks.areas.sum(1) > FULL)
    share = full.sum() / max(1, labelled.sum())
    if share <= MANY:
        return []
    sentence = (
        f"{percent(share)} of the masks cover more than {percent(FULL)} of their image. If every pixel "
        "belongs to a class, say so with `camseg use --no-background`."
    )
    level: Level = "useless" if share > NEARLY_ALL else "doubtful"
    return [Veto(level, sentence, masks.named(np.flatnonzero(full)))]


def flooded_masks(masks: MarkedAreas, area: float) -> list[Veto]:
    """A veto where masks are far larger than small objects are.

    Args:
        area: share of the pixels of images with labels that looks unlike images without, in (0, 1].
    """
    covered = masks.areas.sum(1)
    labelled = masks.shown.any(1)
    times = covered[labelled].mean() / area if labelled.any() else 0.0
    if times <= FLOODED:
        return []
    sentence = (
        f"Objects are small: {percent(area)} of images with labels looks unlike images without. The masks "
        f"cover {percent(times * area)}."
    )
    largest = np.argsort(np.where(labelled, -covered, 1), kind="stable")
    return [Veto("useless" if times > DROWNED else "doubtful", sentence, masks.named(largest))]


def narrow_objects(classes: Sequence[str], masks: MarkedAreas) -> list[Veto]:
    """A veto where a class is nowhere as wide as a cell of the heat in half of its images."""
    widths, narrow = masks.widths, {}
    for label, name in enumerate(classes):
        found = np.isfinite(widths[:, label])
        if found.sum() >= FEWEST and (width := float(np.median(widths[found, label]))) < 1:
            narrow[name] = width
    if not narrow:
        return []
    names = [f"`{name}` ({narrow[name]:.1f})" for name in sorted(narrow, key=lambda n: narrow[n])]
    columns = widths[:, [name in narrow for name in classes]]
    order = np.argsort(np.nan_to_num(columns, nan=np.inf).min(1), kind="stable")
    sentence = (
        "Objects are narrower than a cell of the heat, so their outlines cannot be trusted: "
        f"{listed(names)}. The number is the median width in cells."
    )
    return [Veto("doubtful", sentence, masks.named(order[: np.isfinite(columns).any(1).sum()]))]
