"""The run in numbers: the content of `reports/summary.json`, and the table at the end of a run."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.data.manifest import Manifest
from pipeline.evaluation.veto import Veto
from pipeline.params import FULL, default_masks, default_method, default_supervision
from pipeline.report.results import Metrics, MiouByImage, Results
from pipeline.report.verdict_text import verdict_json
from pipeline.workflows.added_ground_truth import AddedScores

HEATMAP_SCORES = ("miou_best", "threshold_best", "miou_chosen", "threshold_chosen")
PSEUDO_MASK_SCORES = ("miou", "precision", "recall", "coverage")
SEGMENTATION_SCORES = ("miou", "miou_standard_error", "iou_per_class", "boundary_iou", "findings")
FINDINGS = (  # of each class, in the order of the page
    *(
        "precision",
        "recall",
        "f1",
        "f1_tolerant",
        "object_recall",
        "false_objects",
        "recall_at_rate",
        "aupro",
    ),
    *("image_auroc", "image_ap", "pg_1", "pg_5", "pb_1", "pb_5"),
)


def summarise(results: Results, vetoes: Sequence[Veto], added: AddedScores) -> dict[str, Any]:
    """All scores in [0, 1] but `false_objects`, a number per image, and areas; None without ground truth."""
    masks, models = results.pseudo_masks, results.evaluation
    return {
        "classifier": pick(results.classifier, ("map", "f1")),
        "heatmaps": {m: pick(masks[m].get("heatmaps", {}), HEATMAP_SCORES) for m in results.methods},
        "pseudo_masks": {m: pick(masks[m].get("pseudo_masks", {}), PSEUDO_MASK_SCORES) for m in masks},
        "segmentation": {s: pick(metrics, SEGMENTATION_SCORES) for s, metrics in models.items()},
        "split": scored_split(results),
        "weak_to_full": weak_to_full(results),
        "supervision": list(results.supervision),
        "corrected_masks": corrected_masks(results),
        "ground_truth": added,
        "verdict": verdict_json(vetoes),
    }


def scored_split(results: Results) -> str:
    """The split that the segmentation models were scored on: `val` or `test`."""
    return str(results.evaluation[default_supervision(results.supervision)]["split"])


def corrected_masks(results: Results) -> int:
    """The number of training images with a corrected mask, the same for all pseudo-masks."""
    return max((int(metrics.get("corrected", 0)) for metrics in results.pseudo_masks.values()), default=0)


def supervision_note(results: Results, supervision: str) -> str:
    """What a model learns from, in a few words, with the number of images."""
    images = count_of(results.trained_on[supervision], "image")
    if supervision == FULL:
        return f"the ground-truth masks of {images}"
    corrected = corrected_masks(results)
    more = f" and {count_of(corrected, 'corrected mask')}" if corrected else ""
    return f"the image-level labels of {images}{more}"


def count_of(count: int, thing: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def lost_labels_note(results: Results, masks: str, manifest: Manifest) -> str:
    """How many image-level labels have no pixel in these masks, and the class that loses the largest share.

    Empty where every label has a pixel.
    """
    lost: dict[str, int] = results.pseudo_masks[masks].get("lost_labels", {})
    if not lost:
        return ""
    labelled = Counter(manifest.classes[label] for s in manifest.split("train") for label in s.labels)
    worst = max(lost, key=lambda name: lost[name] / max(1, labelled[name]))
    count = sum(lost.values())
    have = "has" if count == 1 else "have"
    return (
        f"{count_of(count, 'image-level label')} of {labelled.total()} {have} no pixel in the {masks} masks: "
        "their model does not see these objects. "
        f"Worst class: {worst}, {lost[worst]} of {count_of(labelled[worst], 'image')}."
    )


def scored_images(scores: MiouByImage, split: str) -> str:
    """How many images have a score: `3 val images`."""
    return count_of(sum(miou is not None for miou in scores.values()), f"{split} image")


def pick(metrics: Metrics, keys: tuple[str, ...]) -> Metrics:
    """`metrics` with exactly these keys, None where one is missing."""
    return {key: metrics.get(key) for key in keys}


def weak_to_full(results: Results) -> float | None:
    """mIoU of the first weak model divided by mIoU of the full model; None if one is missing or full is 0."""
    lead = default_supervision(results.supervision)
    weak, full = (results.evaluation.get(s, {}).get("miou") for s in (lead, FULL))
    return None if lead == FULL or weak is None or not full else round(weak / full, 6)


def summary_table(results: Results, how: str) -> str:
    """The headline numbers as text, one a line; `how` the threshold was chosen, as for `render_page`."""
    method = default_method(results.methods, results.supervision)
    trained_on = default_masks(results.methods, results.supervision)
    threshold = results.pseudo_masks[method]["threshold"]
    best = results.pseudo_masks[method]["heatmaps"]["threshold_best"]
    if best is not None:
        how = f"{how}; best for the ground truth: {best:.2f}"
    miou = results.pseudo_masks[trained_on]["pseudo_masks"]["miou"]
    rows = [
        ("classifier mAP, val", results.classifier["map"], ""),
        (f"threshold, {method}", threshold, how if threshold is not None else "the data have no background"),
        (f"pseudo-mask mIoU, {trained_on}", miou, "training images"),
        *[(f"{m['split']} mIoU, {s}", m["miou"], _note(s, results)) for s, m in results.evaluation.items()],
        ("weak / full", weak_to_full(results), "mIoU of the weak model divided by that of the full model"),
    ]
    return "\n".join(f"{name:<28} {three(value):>5}  {remark}".rstrip() for name, value, remark in rows)


def _note(supervision: str, results: Results) -> str:
    if not results.trained_on[supervision]:
        return "not trained: there were no masks"
    error = results.evaluation[supervision].get("miou_standard_error")
    spread = "" if error is None else f"± {error:.3f} with other images; "
    return f"{spread}trained on {supervision_note(results, supervision)}"


def two(threshold: float | None) -> str:
    """A threshold with two decimals; a dash where there is none."""
    return "–" if threshold is None else f"{threshold:.2f}"  # noqa: RUF001


def three(score: float | None) -> str:
    """A score with three decimals; a dash where there is none."""
    return "–" if score is None else f"{score:.3f}"  # noqa: RUF001
