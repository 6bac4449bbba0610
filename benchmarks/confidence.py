"""How well confidences without ground truth order images: rank correlation with the true mIoU of each image.

    python -m benchmarks.confidence PROJECT [PROJECT ...] --json confidence.json

Each PROJECT is a finished run whose data have masks: heatmaps, pseudo-masks, the model that learns from them,
and its predictions. For pseudo-masks of training images with labels, and for predictions, the table holds
Spearman's rank correlation of each candidate with the mIoU of the image, within each set and over all sets
together. The true masks measure the candidates here and are part of none.

candidates for pseudo-masks
  heat        mean heat of each label in its region, beside the threshold
  contrast    the same, without the mean heat outside the region
  steady      IoU of the masks at 0.8 and at 1.2 times the threshold
  refinement  IoU of the mask with the heat at the threshold, before the refinement
  area        how near the share of a label in the image is to the median of its class
  usual       contrast times area; added after the first run, for a set that this run had not shown (`scenes`)
  model       IoU of the mask with the mask that the model predicts
  probability mean probability of each label in its region, by the model
  soft        soft Dice of the mask with the probabilities of the model, over the labels
candidates for predictions
  mean        mean probability of each predicted class in its region
  soft        soft Dice of the mask with its probabilities, over the predicted classes
  classes     `soft`, with each class weighed by its highest probability

The rule of choice, written down before the first run: the candidate with the highest mean of the correlation
within the sets (averaged) and over all of them; among those within 0.02 of each other the one that needs
least (no model, then no heat). It replaces the first one only if it is better by 0.1 over all, and in most
sets.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
from torch import Tensor

from pipeline import paths
from pipeline.base.files import read_json, write_json
from pipeline.base.process import prepare_process
from pipeline.base.spaced import spaced
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import map_images
from pipeline.evaluation.confusion import confusion_matrix, image_iou, label_ious
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.threshold import mask_at_threshold, upsample
from pipeline.params import Params, default_supervision, load_params, method_of
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.prediction import prediction_pass

MOST = 200  # images of each set and kind
Row = dict[str, float]  # `miou`, and each candidate


def main() -> None:
    """Measure the candidates on each project and print the table."""
    parser = argparse.ArgumentParser("benchmarks.confidence", description=__doc__.splitlines()[0])
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT", help="folders of finished runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the values of each image")
    given = parser.parse_args()
    found: dict[str, dict[str, list[Row]]] = {"pseudo-masks": {}, "predictions": {}}
    for project in given.projects:
        with chdir(project):
            params, manifest = load_params(), read_manifest(paths.PREPARED)
            found["pseudo-masks"][project.name] = list(mask_rows(manifest, params))
            found["predictions"][project.name] = prediction_rows(manifest, params)
        print(f"{project}: done", file=sys.stderr)
    for kind, sets in found.items():
        print(f"\n{kind}: rank correlation with the true mIoU of each image\n\n{table(sets)}")
    if given.json:
        write_json(given.json, found)


def mask_rows(manifest: Manifest, params: Params) -> Iterator[Row]:
    """The values of training images with labels and a true mask."""
    name = default_supervision(params.segmentation.supervision)
    scored = [s for s in manifest.split("train") if s.labels and s.score]
    samples, heat = spaced(scored, MOST), HeatmapStore(paths.HEATMAPS / method_of(name))
    threshold = read_json(paths.REPORTS / "pseudo_masks" / name / "metrics.json")["threshold"]
    masks = {sample.name: load_mask(paths.MASKS / name, sample) for sample in samples}
    usual = usual_areas(manifest, [masks[sample.name] for sample in samples])
    by_model = model_rows(manifest, params, samples, masks)
    for sample, row in zip(samples, by_model, strict=True):
        true, mask = load_mask(paths.GROUND_TRUTH, sample), masks[sample.name]
        counts = confusion_matrix(true, mask, len(manifest.classes) + 1)
        yield {"miou": image_iou(counts)} | heat_values(sample, mask, heat, threshold, usual) | row


def model_rows(
    manifest: Manifest, params: Params, samples: list[Sample], masks: dict[str, Mask]
) -> list[Row]:
    """The candidates that need a model; empty where there is none."""
    model = paths.SEGMENTATION / default_supervision(params.segmentation.supervision)
    if not model.exists():
        return [{} for _ in samples]
    net = to_channels_last(load_segmentation_net(model), pick_device())

    def by_model(sample: Sample, predicted: Mask, probabilities: Tensor) -> Row:
        ids, mask, values = [i + 1 for i in sample.labels], masks[sample.name], probabilities.cpu().numpy()
        probability = np.mean([values[i][mask == i].mean() if (mask == i).any() else 0 for i in ids])
        return {
            "model": class_iou(mask, predicted, len(values)),
            "probability": float(probability),
            "soft": soft_dice(mask, values, ids),
        }

    work = prediction_pass(net, manifest, params, by_model, "model")
    return [row for row, _ in map_images(samples, work)]


def heat_values(sample: Sample, mask: Mask, heat: HeatmapStore, threshold: float, usual: np.ndarray) -> Row:
    """The candidates that need no model."""
    maps, labels = upsample(heat.read(sample), mask.shape), np.array(sample.labels, int)
    regions = [mask == i + 1 for i in labels]
    inside = np.array([m[r].mean() if r.any() else 0 for m, r in zip(maps, regions, strict=True)])
    outside = np.array([m[~r].mean() if not r.all() else 1 for m, r in zip(maps, regions, strict=True)])
    factors = (0.8, min(1.2, 0.99 / threshold), 1)
    low, high, used = (mask_at_threshold(maps, labels, threshold * factor) for factor in factors)
    areas = np.array([region.mean() for region in regions])
    contrast = float(np.mean(inside - outside))
    area = float(np.exp(-np.abs(np.log((areas + 1e-4) / (usual[labels] + 1e-4)))).mean())
    return {
        "heat": float(np.mean(inside / (inside + threshold))),
        "contrast": contrast,
        "steady": class_iou(low, high, usual.size + 1),
        "refinement": class_iou(mask, used, usual.size + 1),
        "area": area,
        "usual": max(contrast, 0.0) * area,
    }


def prediction_rows(manifest: Manifest, params: Params) -> list[Row]:
    """The values of images that measure the model and have a true mask; none without a model."""
    name = default_supervision(params.segmentation.supervision)
    if not (paths.SEGMENTATION / name).exists():
        return []
    samples = spaced([s for s in manifest.split(params.evaluation.split) if s.score], MOST)
    net = to_channels_last(load_segmentation_net(paths.SEGMENTATION / name), pick_device())

    def values_of(sample: Sample, mask: Mask, probabilities: Tensor) -> Row:
        values = probabilities.cpu().numpy()
        ids = [int(i) for i in np.unique(mask) if i] or [0]
        highest = np.array([values[i].max() for i in ids])
        dice = np.array([soft_dice(mask, values, [i]) for i in ids])
        counts = confusion_matrix(load_mask(paths.GROUND_TRUTH, sample), mask, len(values))
        return {
            "miou": image_iou(counts),
            "mean": float(np.mean([values[i][mask == i].mean() for i in ids])),
            "soft": float(dice.mean()),
            "classes": float((dice * highest).sum() / highest.sum() * highest.max()),
        }

    return [row for row, _ in map_images(samples, prediction_pass(net, manifest, params, values_of, "val"))]


def usual_areas(manifest: Manifest, masks: list[Mask]) -> np.ndarray:
    """The median share of each class in the masks that show it, (C,); 0 where none does."""
    shares = np.array([[(mask == i + 1).mean() for i in range(len(manifest.classes))] for mask in masks])
    return np.array([np.median(column[column > 0]) if (column > 0).any() else 0 for column in shares.T])


def class_iou(first: Mask, second: Mask, labels: int) -> float:
    """Mean IoU of the classes that either mask shows; 0 where neither shows one."""
    ious = label_ious(confusion_matrix(first, second, labels))[1:]
    return float(np.nanmean(ious)) if (~np.isnan(ious)).any() else 0.0


def soft_dice(mask: Mask, values: np.ndarray, ids: list[int]) -> float:
    """2 sum(p m) / (sum(p) + sum(m)), mean over `ids`; values (L, H, W), m: where the mask has the id."""
    regions = [(values[i].astype(np.float64), mask == i) for i in ids]
    return float(np.mean([2 * p[m].sum() / max(1e-9, p.sum() + m.sum()) for p, m in regions]))


def table(sets: dict[str, list[Row]]) -> str:
    """A row for each candidate: within each set that has it, their mean, and over these sets together."""
    names = [name for name in next(iter(sets.values()))[0] if name != "miou"]
    header = ["candidate", *sets, "mean within", "over all"]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for name in names:
        having = {key: rows for key, rows in sets.items() if rows and name in rows[0]}
        within = {key: rank_correlation(rows, name) for key, rows in having.items()}
        over = rank_correlation([row for rows in having.values() for row in rows], name)
        cells = [f"{within[key]:+.2f}" if key in within else "" for key in sets]
        cells += [f"{np.mean(list(within.values())):+.2f}", f"{over:+.2f}"]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def rank_correlation(rows: list[Row], name: str) -> float:
    """Spearman's: the correlation of the ranks, equal values sharing theirs."""
    return float(np.corrcoef(ranks([r[name] for r in rows]), ranks([r["miou"] for r in rows]))[0, 1])


def ranks(values: list[float]) -> np.ndarray:
    """The rank of each value; the mean rank of equal ones."""
    _, index, counts = np.unique(np.array(values), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]


if __name__ == "__main__":
    prepare_process()
    main()
