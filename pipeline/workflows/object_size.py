"""Whether a data set lets camseg find out how large objects are, before anything is trained."""

import numpy as np

from pipeline.data.manifest import Manifest
from pipeline.params import ObjectSize

ENOUGH = 20  # training images without a class: fewer do not show how images without it look


def tells_sizes(manifest: Manifest, objects: ObjectSize) -> bool:
    """Whether evidence is worth its time: objects may be small, and there are images without them."""
    enough = objects == "small" or (objects == "auto" and count_lacking(manifest) >= ENOUGH)
    return enough and manifest.background


def count_unlabelled(manifest: Manifest) -> int:
    """Training images without labels."""
    return sum(not sample.labels for sample in manifest.split("train"))


def count_lacking(manifest: Manifest) -> int:
    """Training images without a class, the median of the classes: of one class, those without labels."""
    train = manifest.split("train")
    shown = np.bincount(
        [label for sample in train for label in sample.labels], minlength=len(manifest.classes)
    )
    return int(np.median(len(train) - shown))


def how_objects_are_sized(manifest: Manifest, objects: ObjectSize = "auto") -> str:
    """What `heatmaps.objects` will do, in words."""
    count = count_lacking(manifest)
    if not manifest.background:
        return "no matter: every pixel belongs to a class"
    if objects != "auto":
        return f"{objects}, as `heatmaps.objects` says"
    median = "" if len(manifest.classes) == 1 else " (median of the classes)"
    if count >= ENOUGH:
        return f"small or large is found out after training, by {count} training images without them{median}"
    return (
        f"taken for large, unless outlines say otherwise: {count} training images are without them{median}, "
        f"and {ENOUGH} would tell. If objects are lines or spots of a few pixels, set "
        "`heatmaps.objects: small`"
    )
