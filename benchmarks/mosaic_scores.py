"""Projects about mosaics or about their tiles (`benchmarks.mosaics`), scored alike: on whole mosaics.

    python -m benchmarks.mosaic_scores PROJECT [PROJECT ...]

Each project has ended `make_pseudo_masks cam`. The table has, on `val`, the mean average precision of the
classifier (the probability of a mosaic is the largest of its tiles), and on training images the IoU of the
objects, mean over the classes: of heatmaps at the best of 24 thresholds, and of pseudo-masks.
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.scores import Scores
from benchmarks.tables import Outcome, markdown
from pipeline import paths
from pipeline.classifier.classifier_training import classify_samples, multi_hot
from pipeline.classifier.network import load_classifier
from pipeline.commands.photo_tiles import NAME
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.evaluation.confusion import confusion_matrix, iou_per_class
from pipeline.evaluation.means import mean_present
from pipeline.evaluation.ranking import average_precision
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.threshold import mask_at_threshold, upsample
from pipeline.params import load_params

HEAT, THRESHOLDS = paths.HEATMAPS / "cam", np.arange(1, 25) / 25


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        "benchmarks.mosaic_scores", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    projects = [project.resolve() for project in parser.parse_args().projects]
    outcomes = []
    for project in projects:
        os.chdir(project)
        outcomes.append(Outcome(project.name, 0, project_scores()))
    print(markdown(outcomes, "project"), end="")


def project_scores() -> Scores:
    """The scores of the project in the current folder."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    train = [sample for sample in manifest.split("train") if sample.mask]
    return {
        "mAP": classifier_map(manifest, params.working_side()),
        "heatmaps, objects": max(heat_ious(train, len(manifest.classes))),
        "pseudo-masks, objects": mask_iou(train, len(manifest.classes)),
    }


def classifier_map(manifest: Manifest, side: int) -> float:
    """Mean average precision on the mosaics of `val`."""
    val, count = manifest.split("val"), len(manifest.classes)
    probabilities = classify_samples(load_classifier(paths.CLASSIFIER), manifest, val, side)
    of_mosaics: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for sample, row in zip(val, probabilities, strict=True):
        place = NAME.fullmatch(sample.name)
        of_mosaics[place[1] if place else sample.name].append((multi_hot(sample.labels, count).numpy(), row))
    labels, highest = (
        np.stack([np.max([tile[i] for tile in tiles], 0) for tiles in of_mosaics.values()]) for i in (0, 1)
    )
    return mean_present(average_precision(labels, highest))


def heat_ious(samples: list[Sample], classes: int) -> list[float]:
    """The IoU of the objects at each threshold."""
    store, counts = HeatmapStore(HEAT), np.zeros((len(THRESHOLDS), classes + 1, classes + 1), np.int64)
    for sample in samples:
        ground_truth = load_mask(paths.GROUND_TRUTH, sample)
        heatmaps, labels = upsample(store.read(sample), ground_truth.shape), np.array(sample.labels, int)
        for number, threshold in enumerate(THRESHOLDS):
            mask = mask_at_threshold(heatmaps, labels, float(threshold))
            counts[number] += confusion_matrix(ground_truth, mask, classes + 1)
    return [mean_present(iou_per_class(of_threshold)[1:]) for of_threshold in counts]


def mask_iou(samples: list[Sample], classes: int) -> float:
    """The IoU of the objects of the pseudo-masks."""
    pairs = ((load_mask(paths.GROUND_TRUTH, s), load_mask(paths.MASKS / "cam", s)) for s in samples)
    counts = sum(confusion_matrix(truth, mask, classes + 1) for truth, mask in pairs)
    return mean_present(iou_per_class(np.asarray(counts))[1:])


if __name__ == "__main__":
    main()
