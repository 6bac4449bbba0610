"""What limits a run: parts of its training masks become ground truth, and a model is trained on each.

    python -m benchmarks.oracle PROJECT [--masks cam-round1]

PROJECT is the folder of a finished run with ground-truth masks, such as .work/accuracy/photos/shipped-0. New
masks of its training images are written to data/masks/NAME there, models and scores beside the others:

* `true-classes`: object or background as in `--masks`; each object pixel gets the class of the nearest object
  pixel of the ground truth.
* `our-boundaries`: the ground truth, but within 5 % of the diagonal from its outlines what `--masks` says.
* `best-threshold`: the masks of the heatmaps, each with the threshold that suits its ground truth best.

Prints a table. What it shows is no result: these masks are made with ground truth.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.projects import call
from pipeline import paths
from pipeline.base.files import read_json, write_text
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.data.images import IGNORE, Mask, mask_png
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import MaskWriter, has_mask, load_mask, mask_writer
from pipeline.evaluation.confusion import confusion_matrix, image_iou, pseudo_mask_counts, score_pseudo_masks
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.pseudo_masks import make_pseudo_mask
from pipeline.masks.threshold import mask_at_threshold, upsample
from pipeline.masks.threshold_sweep import THRESHOLDS
from pipeline.params import PseudoMaskParams, load_params, method_of

BOUNDARY = 0.05  # of the diagonal

Bools = NDArray[np.bool_]


def main() -> None:
    """Make the masks, train on each, print the scores."""
    parser = argparse.ArgumentParser(
        "benchmarks.oracle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", type=Path, metavar="PROJECT")
    parser.add_argument("--masks", default="cam-round1", metavar="NAME", help="what limits it, of these")
    parser.add_argument("--only-masks", action="store_true", help="score the masks, train nothing")
    given = parser.parse_args()
    os.chdir(given.project)
    manifest, params = read_manifest(paths.PREPARED), load_params().pseudo_masks
    known = [s for s in manifest.split("train") if has_mask(paths.GROUND_TRUTH, s)]
    method = method_of(given.masks)
    makers: dict[str, Callable[[Sample], Mask]] = {
        given.masks: partial(load_mask, paths.MASKS / given.masks),
        "true-classes": partial(with_truth, true_classes, paths.MASKS / given.masks),
        "our-boundaries": partial(with_truth, our_boundaries, paths.MASKS / given.masks),
        "best-threshold": partial(best_threshold, manifest.without_samples(), method, params),
        "full": partial(load_mask, paths.GROUND_TRUTH),
    }
    for name, maker in makers.items():
        if name not in (given.masks, "full"):
            writer = mask_writer(paths.MASKS / name, len(known))
            blocks = list(enumerate(in_blocks(known)))
            parallel_map(partial(write_block, writer, maker), blocks, description=name)
            writer.finish()
            write_text(paths.MASKS / name / paths.BY_HAND, "")  # pseudo-masks, as far as the teacher goes
        line = f"{name:16} masks {score(manifest, paths.MASKS / name, known):.3f}"
        print(line if given.only_masks else f"{line}  val {trained(name):.3f}", flush=True)


def true_classes(mask: Mask, ground_truth: Mask) -> Mask:
    """`mask`, each object pixel with the class of the nearest object of `ground_truth`; all uint8 (H, W)."""
    objects = (ground_truth != 0) & (ground_truth != IGNORE)
    if not objects.any():
        return mask
    _, nearest = cv2.distanceTransformWithLabels(
        (~objects).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    classes = np.zeros(nearest.max() + 1, np.uint8)
    classes[nearest[objects]] = ground_truth[objects]
    ours = (mask != 0) & (mask != IGNORE)
    return np.where(ours, classes[nearest], mask).astype(np.uint8)


def our_boundaries(mask: Mask, ground_truth: Mask) -> Mask:
    """`ground_truth`, but `mask` within `BOUNDARY` of its outlines; uint8 (H, W) all."""
    labels = np.where(ground_truth == IGNORE, 0, ground_truth)
    edge: Bools = np.zeros(ground_truth.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    if not edge.any():
        return ground_truth
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5)
    return np.where(distance <= BOUNDARY * np.hypot(*ground_truth.shape), mask, ground_truth).astype(np.uint8)


def with_truth(combine: Callable[[Mask, Mask], Mask], folder: Path, sample: Sample) -> Mask:
    """`combine` of the mask in `folder` and the ground truth."""
    return combine(load_mask(folder, sample), load_mask(paths.GROUND_TRUTH, sample))


def best_threshold(manifest: Manifest, method: str, params: PseudoMaskParams, sample: Sample) -> Mask:
    """The refined mask at the threshold that suits the ground truth best."""
    ground_truth, classes = load_mask(paths.GROUND_TRUTH, sample), np.array(sample.labels, int)
    stored, labels = HeatmapStore(paths.HEATMAPS / method).read(sample), len(manifest.classes) + 1
    heat = upsample(stored, (ground_truth.shape[0], ground_truth.shape[1]))
    scores = [
        image_iou(confusion_matrix(ground_truth, mask_at_threshold(heat, classes, t), labels))
        for t in THRESHOLDS
    ]
    best = float(THRESHOLDS[int(np.nanargmax(scores))])
    return make_pseudo_mask(manifest.image(sample), heat, classes, best, params).refined


def write_block(
    writer: MaskWriter, maker: Callable[[Sample], Mask], block: tuple[int, Sequence[Sample]]
) -> None:
    """Write the masks that `maker` makes of the samples of a block."""
    number, samples = block
    writer.write(number, {sample.name: mask_png(maker(sample)) for sample in samples})


def score(manifest: Manifest, folder: Path, samples: list[Sample]) -> float:
    """mIoU of the masks in `folder`, by the samples that may be scored; open pixels are left out."""
    labels = len(manifest.classes) + 1
    counts = sum(
        (
            pseudo_mask_counts(load_mask(paths.GROUND_TRUTH, s), load_mask(folder, s), labels)
            for s in samples
            if s.score
        ),
        np.zeros((labels, labels + 1), np.int64),
    )
    return score_pseudo_masks(counts).miou


def trained(name: str) -> float:
    """mIoU on `val` of a model that is trained on `data/masks/NAME`; one that is there stays."""
    metrics = paths.REPORTS / "evaluation" / name / "metrics.json"
    if not metrics.exists():
        for stage in ("train_segmentation", "evaluate"):
            call(Path.cwd(), sys.executable, "-m", f"pipeline.stages.{stage}", name)
    return float(read_json(metrics)["miou"])


if __name__ == "__main__":
    main()
