"""Which threshold suits the heat of a data set, told without masks: rules against the best of 49 thresholds.

    python -m benchmarks.thresholds PROJECT [PROJECT ...] --views

Each PROJECT is a run whose data have masks, with its heatmaps (`benchmarks.league --until make_heatmaps`).
--views adds views of each project, from the stored heat: all classes as one, and each class against the rest.
The true masks score the thresholds and are part of no rule.

otsu       of the strongest heat of each pixel
area       where heat covers the area that looks unlike images without the class, where that was measured
outline    at least `area`, or Otsu's without it: the one with the steepest outlines
steeper    slope of the outlines at `outline`, in times of that at Otsu's
shipped    what `pseudo_masks.threshold: auto` takes
"""

import argparse
import tempfile
from contextlib import chdir
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.plans import View, views
from pipeline.base.process import prepare_process
from pipeline.evaluation.confusion import mean_iou
from pipeline.heatmaps.evidence import write_evidence
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.area_threshold import area_threshold
from pipeline.masks.otsu_threshold import POWER, otsu
from pipeline.masks.threshold import upsample
from pipeline.masks.threshold_sweep import THRESHOLDS, confusion_by_threshold
from pipeline.params import load_params
from pipeline.workflows.heatmap_threshold import chosen, pooled_histogram
from pipeline.workflows.steepest_outlines import steepest


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
    if "." not in view.name and view.evidence:  # a view would have figures of size of its own
        write_evidence([view.heat], view.evidence)
    scores = miou_by_threshold(view)
    histogram = pooled_histogram(view.heat, view.manifest.split("train"))
    least = [otsu(histogram, POWER)]
    if view.evidence and view.evidence.area and "." not in view.name:
        least.append(area_threshold(histogram, view.evidence.area))
    outline, steeper = steepest(view.heat, view.manifest, max(least))

    def told(threshold: float | None) -> str:
        if threshold is None:
            return f"{'':>16}"
        return f"{np.interp(threshold, THRESHOLDS, scores):9.3f} ({threshold:.2f})"

    best = float(THRESHOLDS[scores.argmax()])
    area = least[1] if least[1:] else None
    shipped = np.interp(chosen(view.heat, view.manifest), THRESHOLDS, scores)
    cells = "".join(map(told, (best, least[0], area, outline)))
    return f"{view.name:24}{cells}{steeper:9.2f}{shipped:9.3f}"


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
