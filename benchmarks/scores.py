"""The scores of a run, read from the reports of its stages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.projects import call, stage_seconds
from pipeline.base.files import read_json
from pipeline.evaluation.class_scores import score_classes
from pipeline.evaluation.means import score_or_none
from pipeline.params import FULL, default_masks, default_method, load_params
from pipeline.report.results import read_confusion

STAGES = ("train_classifier", "make_heatmaps", "make_pseudo_masks", "report")  # where a run may end
MASKS, LAST = STAGES[2:]

Scores = dict[str, float | None]


def run(project: Path, until: str = LAST) -> Scores:
    """`dvc repro` in `project` up to the stage `until`; its scores and minutes.

    Scores of later stages are None, even if an earlier run left some there.
    """
    call(project, "dvc", "repro", *([] if until == LAST else [until]))
    params, reports = load_params(project / "params.yaml"), project / "reports"
    names = params.heatmaps.methods, params.segmentation.supervision
    method, weak = default_method(*names), default_masks(*names)
    heat = mask_metrics(reports, method, until)
    made = heat if until == MASKS else mask_metrics(reports, weak, until)
    summary: dict[str, Any] = read_json(reports / "summary.json") if until == LAST else {"segmentation": {}}
    models = {name: scores["miou"] for name, scores in summary["segmentation"].items()}
    pair = models.get(weak), models.get(FULL)
    return {
        "mAP": read_json(reports / "classifier/metrics.json")["map"],
        "heatmaps, best": heat["heatmaps"].get("miou_best"),
        "heatmaps, chosen": heat["heatmaps"].get("miou_chosen"),
        **{f"pseudo-masks, {key}": made["pseudo_masks"].get(key) for key in ("miou", "precision", "recall")},
        "coverage": made["pseudo_masks"].get("coverage"),
        "confidence": made["quality"].get("confidence"),
        "weak": pair[0],
        "full": pair[1],
        # Not that of the summary: an earlier round may lead there.
        "weak / full": None if None in pair or not pair[1] else round(pair[0] / pair[1], 6),
        "minutes": sum(stage_seconds(project).values()) / 60,
    }


def mask_metrics(reports: Path, name: str, until: str) -> dict[str, Any]:
    """The metrics of the pseudo-masks `name`, empty if the run ends before them."""
    if until not in (MASKS, LAST):
        return {"heatmaps": {}, "pseudo_masks": {}, "quality": {}}
    metrics: dict[str, Any] = read_json(reports / "pseudo_masks" / name / "metrics.json")
    return metrics


def class_scores(project: Path, until: str = LAST) -> Iterator[tuple[str, str, Scores]]:
    """Masks, label, and IoU, precision, recall and F1, of a run that `run` has ended at `until`.

    Models have all their findings, see `pixel_findings` and `image_findings`.
    Masks: `pseudo-masks`, of training images; `weak` and `full`, the predictions of the two models.
    """
    params, reports = load_params(project / "params.yaml"), project / "reports"
    supervision = params.segmentation.supervision
    names = params.heatmaps.methods, supervision
    weak = default_masks(*names)
    folders = {}
    if until in (MASKS, LAST):
        folders["pseudo-masks"] = (
            reports / "pseudo_masks" / (weak if until == LAST else default_method(*names))
        )
    if until == LAST:
        models = {"weak": weak, "full": FULL}
        folders |= {key: reports / "evaluation" / s for key, s in models.items() if s in supervision}
    for key, folder in folders.items():
        confusion = read_confusion(folder / "confusion.csv")
        scores = score_classes(confusion.counts)
        findings = read_json(folder / "metrics.json").get("findings", {})
        for index, label in enumerate(confusion.names):
            of_label = {name: score_or_none(values[index]) for name, values in scores.items()}
            yield key, label, of_label | findings.get(label, {})
