"""Which threshold suits the heat of a data set, told without masks: rules against the best of 49 thresholds.

    python -m benchmarks.thresholds PROJECT [PROJECT ...] --views

Each PROJECT is a run whose data have masks, with its heatmaps (`benchmarks.league --until make_heatmaps`).
--views adds views of each project, from the stored heat: all classes as one, and each class against the rest.
The true masks score the thresholds and are part of no rule.

otsu       of the strongest heat of each pixel
steepest   with the steepest outlines, at least Otsu's; where the evidence of a project says that objects are
           small, at least the threshold at which heat covers their area
times      how many times as steep as at the least of these thresholds
shipped    what `pseudo_masks.threshold: auto` takes with `heatmaps.objects: auto`, and its loss in points
"""

import argparse
import tempfile
from contextlib import chdir
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.plan_views import View, views
from pipeline.base.process import prepare_process
from pipeline.evaluation.confusion import mean_iou
from pipeline.heatmaps.evidence import EVIDENCE
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.threshold import upsample
from pipeline.masks.threshold_sweep import THRESHOLDS, confusion_by_threshold
from pipeline.params import load_params
from pipeline.workflows.heatmap_threshold import candidate_thresholds, chosen


def main() -> None:
    """Print a line for each project and view."""
    prepare_process()
    parser = argparse.ArgumentParser(
        "benchmarks.thresholds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    parser.add_argument("--images", type=int, default=160, help="training images of each set (default: 160)")
    parser.add_argument("--views", action="store_true", help="also fewer classes of each project")
    given = parser.parse_args()
    print(
        f"{'set':24}{'best':>16}{'otsu':>16}{'area':>16}{'outline':>16}{'steeper':>9}{'shipped':>9}",
        flush=True,
    )
    for project in given.projects:
        with chdir(project), tempfile.TemporaryDirectory() as folder:
            for view in views(load_params(), given, Path(folder)):
                print(line(view), flush=True)


def line(view: View) -> str:
    """The mIoU at the threshold of each rule."""
    if "." in view.name:  # evidence of all classes together says nothing of one
        (view.heat / EVIDENCE).unlink(missing_ok=True)
    scores, found = miou_by_threshold(view), candidate_thresholds(view.heat, view.manifest)
    values = float(THRESHOLDS[scores.argmax()]), found.otsu, found.steepest
    told = [(np.interp(value, THRESHOLDS, scores), value) for value in values]
    cells = "".join(f"{score:9.3f} ({value:.2f})" for score, value in told)
    shipped = np.interp(chosen(view.heat, view.manifest, "auto"), THRESHOLDS, scores)
    return f"{view.name:24}{cells}{found.times:9.2f}{shipped:9.3f}{100 * (scores.max() - shipped):7.1f}"


def miou_by_threshold(view: View) -> NDArray[np.float64]:
    """Of the heat against the true masks, at each of `THRESHOLDS`."""
    labels, store = len(view.manifest.classes) + 1, HeatmapStore(view.heat)
    counts = np.zeros((len(THRESHOLDS), labels, labels), np.int64)
    for sample in view.manifest.split("train"):
        if sample.score and sample.labels:
            truth = view.ground_truth(sample)
            heat = upsample(store.read(sample), truth.shape)
            counts += confusion_by_threshold(truth, heat, np.array(sample.labels, int), labels)
    return np.array([mean_iou(confusion) for confusion in counts])


if __name__ == "__main__":
    main()
