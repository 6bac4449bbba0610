"""Samples that stand for a data set, with their masks as camseg reads them."""

import hashlib
from collections import Counter

from pipeline.data.images import ImageArray, read_shrunk_image, resize_mask
from pipeline.data.inspection import Inspection, read_ground_truth
from pipeline.data.manifest import Manifest, Sample

SHOWN = 6
SIDE = 384  # pixels of the long side


def choose_samples(manifest: Manifest, seed: int) -> list[Sample]:
    """`SHOWN` samples drawn by the seed: first one of each class, with a mask where there is one."""
    drawn = sorted(manifest.samples, key=lambda s: hashlib.sha256(f"{seed}:{s.name}".encode()).digest())
    drawn.sort(key=lambda sample: not sample.mask)
    counts = Counter(label for sample in drawn for label in sample.labels)
    first = {label: sample for sample in reversed(drawn) for label in sample.labels}
    chosen: dict[str, Sample] = {}
    for label in sorted(first, key=lambda label: (counts[label], label)):
        if not any(label in sample.labels for sample in chosen.values()):
            chosen[first[label].name] = first[label]
    chosen |= {sample.name: sample for sample in drawn[: len(chosen) + SHOWN]}
    return list(chosen.values())[:SHOWN]


def draw_sample(
    manifest: Manifest, inspection: Inspection, sample: Sample, max_megapixels: float
) -> ImageArray:
    """The image with its mask laid over, at most `SIDE` pixels long; without a mask, the image alone."""
    from pipeline.report.overlay import draw_mask  # here, since matplotlib takes a second to load

    image, _ = read_shrunk_image(manifest.original(sample), SIDE, max_megapixels, manifest.reading)
    if not sample.mask or inspection.masks is None:
        return image
    mask = read_ground_truth(inspection.masks, sample, inspection.masks.records[sample.name])
    return draw_mask(image, resize_mask(mask, (image.shape[0], image.shape[1])))
