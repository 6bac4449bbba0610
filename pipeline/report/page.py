"""The HTML page: one file that needs nothing else, the same bytes for the same results."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from pipeline.data.images import ImageArray
from pipeline.data.manifest import Manifest
from pipeline.formats.palette import voc_palette
from pipeline.params import FULL, ROUND, model_before
from pipeline.report.diagnosis_section import DiagnosisExample, class_rows
from pipeline.report.plots import draw_confusion, draw_iou_per_class, draw_losses, draw_sweep, to_svg
from pipeline.report.results import Results, lead_masks, lead_method, lead_supervision
from pipeline.report.rows import TRAIN, Row, unseen_title
from pipeline.report.summary import corrected_masks, scored_split, supervision_note, three, weak_to_full

SHOWN_PROBLEMS = 40
QUALITY = 85  # of WebP, 0..100


@dataclass(frozen=True)
class Headline:
    """A number and what it means."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Plot:
    """A figure of the page and what it shows."""

    title: str
    meaning: str
    figure: Figure


def render_page(
    results: Results,
    manifest: Manifest,
    rows: Mapping[str, Sequence[Row]],
    examples: Sequence[DiagnosisExample],
    how: str,
    problems: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        rows: the images to show, by the title of their section.
        examples: images for the section on what the classifier looks at.
        how: where the threshold came from, e.g. `chosen without masks`.
        problems: what was wrong with the data, and which files were left out.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"score": three, "uri": data_uri, "svg": inline_svg}
    template = files("pipeline.report").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        results=results,
        corrected=corrected_masks(results),
        manifest=manifest,
        headlines=headlines(results, how),
        supervision={s: training_sentence(results, s) for s in results.supervision},
        known=is_known(results),
        split=scored_split(results),
        models=results.supervision if is_known(results) else (),
        plots=plots(results),
        sections=rows,
        examples=examples,
        examined=class_rows(results.diagnosis, manifest.classes),
        how=how,
        problems=problems,
        shown_problems=SHOWN_PROBLEMS,
        colours=[
            f"rgb({red} {green} {blue})" for red, green, blue in voc_palette()[: len(manifest.classes) + 1]
        ],
        rounds=[name for name in results.pseudo_masks if name not in results.methods],
        ranked_by={
            TRAIN: ("refined mask", lead_masks(results.methods, results.supervision)),
            unseen_title(scored_split(results)): ("prediction", lead_supervision(results.supervision)),
        },
    )


def is_known(results: Results) -> bool:
    """Whether there are ground-truth masks that anything was scored with."""
    masks = [found["pseudo_masks"]["miou"] for found in results.pseudo_masks.values()]
    return any(miou is not None for miou in masks + [found["miou"] for found in results.evaluation.values()])


def headlines(results: Results, how: str) -> list[Headline]:
    """The numbers to look at first."""
    method = lead_method(results.methods, results.supervision)
    masks = lead_masks(results.methods, results.supervision)
    threshold = results.pseudo_masks[method]["threshold"]
    return [
        *[_model_headline(results, s) for s in _leading_models(results)],
        _ratio_headline(results),
        _mask_headline(results, masks),
        Headline("threshold", f"{threshold:.2f}", _threshold_meaning(results, method, how)),
        Headline(
            "classifier, mAP",
            three(results.classifier["map"]),
            "How reliably the classifier names a val image's classes: average precision, their mean.",
        ),
    ]


def _leading_models(results: Results) -> list[str]:
    """The first weak supervision and `full`, as far as there are such."""
    chosen = [lead_supervision(results.supervision), FULL]
    return [s for s in dict.fromkeys(chosen) if s in results.supervision]


def _model_headline(results: Results, supervision: str) -> Headline:
    miou = results.evaluation[supervision]["miou"]
    if not results.trained_on[supervision]:
        meaning = "Not trained: there were no masks to train on."
    elif miou is None:
        split = scored_split(results)
        meaning = f"The {supervision} model cannot be scored: no {split} image has a ground-truth mask."
    elif supervision == FULL:
        meaning = f"The same model trained on {supervision_note(results, FULL)}: the control."
    else:
        meaning = (
            "Overlap with the ground-truth masks of unseen images after training on "
            f"{supervision_note(results, supervision)} ({supervision}). 1 is perfect."
        )
    name = f"{FULL if supervision == FULL else 'weak'}, mIoU on {scored_split(results)}"
    return Headline(name, three(miou), meaning)


def _ratio_headline(results: Results) -> Headline:
    ratio, weak = weak_to_full(results), lead_supervision(results.supervision)
    if ratio is None:
        return Headline("weak / full", three(ratio), "Needs a score of both.")
    meaning = f"The part of the control's mIoU that the {weak} model reaches."
    return Headline("weak / full", f"{100 * ratio:.0f} %", meaning)


def _mask_headline(results: Results, masks: str) -> Headline:
    miou = results.pseudo_masks[masks]["pseudo_masks"]["miou"]
    learnt = ", which the model learns from," if masks in results.supervision else ""
    meaning = f"The {masks} masks cannot be scored: no training image has a ground-truth mask."
    if miou is not None:
        meaning = (
            f"Overlap of the refined {masks} masks of the training images{learnt} with the ground truth."
        )
    return Headline("pseudo-masks, mIoU", three(miou), meaning)


def _threshold_meaning(results: Results, method: str, how: str) -> str:
    heat = results.pseudo_masks[method]["heatmaps"]
    meaning = f"Heat above it counts as object ({method}); {how}."
    if heat["threshold_best"] is None:
        return f"{meaning} Without ground-truth masks nobody knows the best one."
    return (
        f"{meaning} The best for the ground-truth masks is {heat['threshold_best']:.2f}: "
        f"mIoU {heat['miou_best']:.3f} instead of {heat['miou_chosen']:.3f}."
    )


def training_sentence(results: Results, supervision: str) -> str:
    """What a model was trained on, in a sentence."""
    if not results.trained_on[supervision]:
        return "not trained: there were no masks to train on."
    labels = supervision_note(results, supervision)
    if supervision == FULL:
        return f"{labels}. The control, with full labels."
    source = f"the pseudo-masks from the {supervision} heatmaps"
    if ROUND in supervision:
        model = model_before(supervision)
        source = f"what the {model} model says of the training images, within their image-level labels"
    if corrected_masks(results):
        return (
            f"{labels}, by way of {source}. The corrected masks took the place of those, and "
            "count in no score of training images."
        )
    return f"{labels}, by way of {source}. No ground-truth mask took part in its training."


def plots(results: Results) -> list[Plot]:
    """The figures, without those that would be empty."""
    meaning = "Each point is the mean of the last optimiser steps."
    models = {s: results.curves[s] for s in results.supervision if results.curves[s]}
    curves = {"Loss of the classifier": {"classifier": results.curves["classifier"]}}
    curves |= {"Loss of the segmentation models": models} if models else {}
    found = [Plot(title, meaning, draw_losses(lines)) for title, lines in curves.items()]
    if any(results.sweeps.values()):
        found.append(
            Plot(
                "Threshold",
                "mIoU of the unrefined heatmaps on the training images, had another threshold been used.",
                draw_sweep(results.sweeps, results.pseudo_masks),
            )
        )
    scored = [s for s in results.supervision if results.evaluation[s]["miou"] is not None]
    if scored:
        bars = draw_iou_per_class(
            results.confusion[scored[0]].names, {s: results.evaluation[s]["iou_per_class"] for s in scored}
        )
        found.append(Plot("Classes", f"IoU on {scored_split(results)} of each segmentation model.", bars))
    meaning = "Of the true pixels of a label (row), the share that {} (column); {}."
    lead = lead_masks(results.methods, results.supervision)
    if results.mask_confusion[lead].counts.any():
        said = meaning.format("the refined pseudo-masks give to each label", "training images")
        found.append(Plot(f"Confusion, {lead} masks", said, draw_confusion(results.mask_confusion[lead])))
    said = meaning.format("was predicted as each label", scored_split(results))
    return found + [Plot(f"Confusion, {s}", said, draw_confusion(results.confusion[s])) for s in scored]


def data_uri(image: ImageArray) -> str:
    """An image (H, W, 3) as the address of an `<img>`."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def inline_svg(plot: Plot) -> Markup:
    """The plot as an `<svg>` element; matplotlib has escaped its texts."""
    label = Markup('<svg role="img" aria-label="{}"').format(plot.title)
    return Markup(to_svg(plot.figure).replace("<svg", label, 1))
