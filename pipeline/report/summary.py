"""The run in numbers: what `reports/summary.json` holds, and the table that ends a run."""

from typing import Any

from pipeline.params import FULL
from pipeline.report.results import Metrics, Results, lead_masks, lead_method, lead_supervision

HEATMAP_SCORES = ("miou_best", "threshold_best", "miou_chosen", "threshold_chosen")
PSEUDO_MASK_SCORES = ("miou", "precision", "coverage")
SEGMENTATION_SCORES = ("miou", "iou_per_class", "boundary_iou")


def summarise(results: Results) -> dict[str, Any]:
    """All scores in [0, 1], None where there are no masks to score with."""
    masks, models = results.pseudo_masks, results.evaluation
    return {
        "classifier": pick(results.classifier, ("map", "f1")),
        "heatmaps": {m: pick(masks[m].get("heatmaps", {}), HEATMAP_SCORES) for m in results.methods},
        "pseudo_masks": {
            m: pick(found.get("pseudo_masks", {}), PSEUDO_MASK_SCORES) for m, found in masks.items()
        },
        "segmentation": {s: pick(found, SEGMENTATION_SCORES) for s, found in models.items()},
        "split": scored_split(results),
        "weak_to_full": weak_to_full(results),
        "supervision": list(results.supervision),
        "corrected_masks": corrected_masks(results),
    }


def scored_split(results: Results) -> str:
    """The split that the segmentation models were scored on: `val` or `test`."""
    return str(results.evaluation[lead_supervision(results.supervision)]["split"])


def corrected_masks(results: Results) -> int:
    """How many masks of training images were corrected by hand: the same for all methods."""
    return max((int(found.get("corrected", 0)) for found in results.pseudo_masks.values()), default=0)


def supervision_note(results: Results, supervision: str) -> str:
    """What a model was trained on, in a few words, and on how many images."""
    images = count_of(results.trained_on[supervision], "image")
    if supervision == FULL:
        return f"the ground-truth masks of {images}"
    corrected = corrected_masks(results)
    more = f" and {count_of(corrected, 'corrected mask')}" if corrected else ""
    return f"the image-level labels of {images}{more}"


def count_of(count: int, thing: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def pick(metrics: Metrics, keys: tuple[str, ...]) -> Metrics:
    """`metrics` with exactly these keys, None where one is missing."""
    return {key: metrics.get(key) for key in keys}


def weak_to_full(results: Results) -> float | None:
    """mIoU of the first weak supervision over that of `full`; None where one is missing or full is 0."""
    lead = lead_supervision(results.supervision)
    weak = results.evaluation.get(lead, {}).get("miou")
    full = results.evaluation.get(FULL, {}).get("miou")
    return None if lead == FULL or weak is None or not full else round(weak / full, 6)


def summary_table(results: Results, how: str) -> str:
    """The headline numbers as text, one a line.

    Args:
        how: where the threshold came from, e.g. `chosen without masks`.
    """
    method = lead_method(results.methods, results.supervision)
    masks, best = results.pseudo_masks[method], results.pseudo_masks[method]["heatmaps"]["threshold_best"]
    trained_on = lead_masks(results.methods, results.supervision)
    oracle = "" if best is None else f"; best for the ground-truth masks: {best:.2f}"
    rows = [
        ("classifier mAP, val", three(results.classifier["map"]), ""),
        (f"threshold, {method}", three(masks["threshold"]), f"{how}{oracle}"),
        (
            f"pseudo-mask mIoU, {trained_on}",
            three(results.pseudo_masks[trained_on]["pseudo_masks"]["miou"]),
            "training images",
        ),
    ]
    rows += [
        (f"{found['split']} mIoU, {s}", three(found["miou"]), note(s, results))
        for s, found in results.evaluation.items()
    ]
    rows.append(("weak / full", three(weak_to_full(results)), "share of the control's mIoU"))
    return "\n".join(f"{name:<28} {value:>5}  {remark}".rstrip() for name, value, remark in rows)


def note(supervision: str, results: Results) -> str:
    """What a model was trained on, for the table."""
    if not results.trained_on[supervision]:
        return "not trained: there were no masks"
    return (
        f"trained on {supervision_note(results, supervision)}{': the control' if supervision == FULL else ''}"
    )


def three(score: float | None) -> str:
    """A score with three decimals; a dash where there is none."""
    return "–" if score is None else f"{score:.3f}"  # noqa: RUF001
