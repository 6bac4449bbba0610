"""Whether a data set lets camseg find out how large objects are, before anything is trained."""

from pipeline.data.manifest import Manifest
from pipeline.params import ObjectSize

UNLABELLED = 20  # training images without labels: fewer do not show how images without objects look


def tells_sizes(manifest: Manifest, objects: ObjectSize) -> bool:
    """Whether evidence is worth its time: objects may be small, and there are images without any."""
    enough = objects == "small" or (objects == "auto" and count_unlabelled(manifest) >= UNLABELLED)
    return enough and manifest.background


def count_unlabelled(manifest: Manifest) -> int:
    """Training images without labels."""
    return sum(not sample.labels for sample in manifest.split("train"))


def how_objects_are_sized(manifest: Manifest, objects: ObjectSize = "auto") -> str:
    """What `heatmaps.objects` will do, in words."""
    count = count_unlabelled(manifest)
    if not manifest.background:
        return "no matter: every pixel belongs to a class"
    if objects != "auto":
        return f"{objects}, as `heatmaps.objects` says"
    if count >= UNLABELLED:
        return f"small or large is found out after training, by {count} training images without a label"
    return (
        f"taken for large, unless outlines say otherwise: {count} training images are without a label, and "
        f"{UNLABELLED} would tell. If objects are lines or spots of a few pixels, set "
        "`heatmaps.objects: small`"
    )
