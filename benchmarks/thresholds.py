"""Which threshold suits the heat of a data set, told without masks: rules against the best of 49 thresholds.

    python -m benchmarks.thresholds PROJECT [PROJECT ...] --views

Each PROJECT is a run whose data have masks, with its heatmaps (`benchmarks.league --until make_heatmaps`).
--views adds views of each project, from the stored heat: all classes as one, and each class against the rest.
The true masks score the thresholds and are part of no rule.

best       the best of the 49
otsu       of the strongest heat of each pixel
least      otsu, or for objects that are small by the evidence of a project, the threshold at which heat
           covers their area, if that is higher; `refine: auto` takes it where it takes colours
steepest   with the steepest outlines, at least `least`
auto       what `pseudo_masks.threshold: auto` takes otherwise, with `heatmaps.objects: auto`
times      how many times as steep the outlines at `steepest` are as those at `least`
lost       points by `auto`
"""

import tempfile
from contextlib import chdir
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.plan_views import View, view_parser, views
from pipeline.base.process import prepare_process
from pipeline.evaluation.confusion import mean_iou
from pipeline.heatmaps.evidence import EVIDENCE
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.threshold import upsample
from pipeline.masks.threshold_sweep import THRESHOLDS, confusion_by_threshold
from pipeline.params import load_params
from pipeline.workflows.heatmap_threshold import candidate_thresholds


def main() -> None:
    """Print a line for each project and view."""
    prepare_process()
    given = view_parser("benchmarks.thresholds", __doc__, images=160).parse_args()
    head = "".join(f"{name:>16}" for name in ("best", "otsu", "least", "steepest", "auto"))
    print(f"{'set':24}{head}{'times':>8}{'lost':>8}", flush=True)
    for project in given.projects:
        with chdir(project), tempfile.TemporaryDirectory() as folder:
            for view in views(load_params(), given, Path(folder)):
                print(line(view), flush=True)


def line(view: View) -> str:
    """The mIoU at the threshold of each rule."""
    if "." in view.name:  # evidence of all classes together says nothing of one
        (view.heat / EVIDENCE).unlink(missing_ok=True)
    scores, found = miou_by_threshold(view), candidate_thresholds(view.heat, view.manifest)
    best = float(THRESHOLDS[scores.argmax()])
    values = best, found.otsu, found.least, found.steepest, found.auto
    told = [float(np.interp(value, THRESHOLDS, scores)) for value in values]
    cells = "".join(f"{score:9.3f} ({value:.2f})" for score, value in zip(told, values, strict=True))
    return f"{view.name:24}{cells}{found.times:8.2f}{100 * (told[0] - told[-1]):8.1f}"


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
