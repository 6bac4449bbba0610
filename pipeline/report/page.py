"""Fills page.html: one file that needs nothing else, the same bytes for the same results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from pipeline.data.images import ImageArray
from pipeline.data.manifest import Manifest
from pipeline.evaluation.veto import Veto, verdict
from pipeline.formats.palette import voc_palette
from pipeline.params import ROUND, default_masks, default_method, default_supervision, model_before
from pipeline.report.added_scores import area_texts, halving, with_error
from pipeline.report.diagnosis_table import DiagnosisExample, class_rows
from pipeline.report.image_selection import Row
from pipeline.report.plots import (
    draw_confusion,
    draw_held_out,
    draw_iou_per_class,
    draw_losses,
    draw_sweep,
    to_svg,
)
from pipeline.report.results import Results
from pipeline.report.summary import (
    FINDINGS,
    corrected_masks,
    count_of,
    lost_labels_note,
    scored_images,
    scored_split,
    supervision_note,
    three,
    two,
    weak_to_full,
)
from pipeline.report.template import page_environment
from pipeline.report.verdict_text import MEANING
from pipeline.workflows.added_ground_truth import AddedScores

SHOWN_PROBLEMS = 40


@dataclass(frozen=True)
class PageFacts:
    """What the page tells beside the results of the stages."""

    added: AddedScores  # on masks that people drew for scoring only
    shares: Mapping[str, float | None]  # of the frame, by class, see `frame_shares`
    issues: Sequence[tuple[dict[str, str], ImageArray]]  # label issues with their images
    seed: int
    why: str  # an earlier self-training round leads; empty where none does


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
    vetoes: Sequence[Veto],
    facts: PageFacts,
    how: str,
    problems: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        rows: the images to show, by the title of their section.
        examples: images for the section on what the classifier looks at.
        vetoes: what speaks against the run without ground truth.
        how: where the threshold comes from, e.g. `chosen without masks`.
        problems: what is wrong with the data, and which files were left out.
    """
    environment = page_environment()
    environment.filters |= {"score": three, "two": two, "svg": inline_svg}
    environment.filters |= {"with_error": with_error, "areas": area_texts}
    masks = default_masks(results.methods, results.supervision)
    split, palette = scored_split(results), voc_palette()[: len(manifest.classes) + 1]
    return environment.get_template("page.html").render(
        results=results,
        corrected=corrected_masks(results),
        manifest=manifest,
        names=("background", *manifest.classes),
        lead=default_supervision(results.supervision),
        method=default_method(results.methods, results.supervision),
        masks=masks,
        lost=lost_labels_note(results, masks, manifest),
        ratio=weak_to_full(results),
        split=split,
        notes={s: supervision_note(results, s) for s in results.supervision},
        models_before={s: model_before(s) for s in results.supervision if ROUND in s},
        known=has_scores(results),
        train_images=scored_images(results.train_scores, "training"),
        split_images=scored_images(results.val_scores, split),
        val_images=count_of(len(manifest.split("val")), "val image"),
        plots=plots(results),
        sections=rows,
        examples=examples,
        vetoes=vetoes,
        added=facts.added,
        facts=facts,
        lost_count=sum(results.pseudo_masks[masks].get("lost_labels", {}).values()),
        shares_text=range_text([share for share in facts.shares.values() if share is not None]),
        label_count=sum(len(sample.labels) for sample in manifest.split("train")),
        verdict=verdict(vetoes),
        meaning=MEANING[verdict(vetoes)],
        diagnosis=class_rows(results.diagnosis, manifest.classes),
        findings=FINDINGS,
        how=how,
        halving=halving,
        problems=problems,
        shown_problems=SHOWN_PROBLEMS,
        colours=[f"rgb({red} {green} {blue})" for red, green, blue in palette],
        rounds=[name for name in results.pseudo_masks if name not in results.methods],
    )


def range_text(shares: Sequence[float]) -> str:
    """The smallest and the largest share in per cent."""
    if not shares:
        return "none"
    low, high = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def has_scores(results: Results) -> bool:
    """Whether any mask or prediction was scored against ground truth."""
    metrics = [masks["pseudo_masks"] for masks in results.pseudo_masks.values()]
    return any(scores["miou"] is not None for scores in (*metrics, *results.evaluation.values()))


def plots(results: Results) -> list[Plot]:
    """The figures, without empty ones."""
    models = {s: results.curves[s] for s in results.supervision if results.curves[s]}
    curves = {"Loss of the classifier": {"classifier": results.curves["classifier"]}}
    curves |= {"Loss of the segmentation models": models} if models else {}
    meaning = "Each point is the mean of the last optimiser steps."
    losses = [Plot(title, meaning, draw_losses(lines)) for title, lines in curves.items()]
    return [*losses, *_held_out_plots(results), *_score_plots(results), *_confusion_plots(results)]


def _held_out_plots(results: Results) -> Iterator[Plot]:
    if results.held_out:
        meaning = (
            "Training images that no training learns from (data.held_out), scored while the networks learn. "
            "A line that rises at its end: more steps may help. A line that falls while the loss falls: "
            "the network overfits."
        )
        yield Plot("Held-out images", meaning, draw_held_out(results.held_out))


def _score_plots(results: Results) -> Iterator[Plot]:
    if any(results.sweeps.values()):
        images = scored_images(results.train_scores, "training")
        meaning = f"mIoU of the unrefined heatmaps of {images}, for each threshold."
        yield Plot("Threshold", meaning, draw_sweep(results.sweeps, results.pseudo_masks))
    ious = {s: results.evaluation[s]["iou_per_class"] for s in _scored_models(results)}
    if ious:
        meaning = f"IoU of each segmentation model on {_split_images(results)}."
        names = results.confusion[next(iter(ious))].names
        yield Plot("Classes", meaning, draw_iou_per_class(names, ious))


def _confusion_plots(results: Results) -> Iterator[Plot]:
    meaning = "A row holds the pixels of a class in the ground truth; a cell is the share that {}. Of {}."
    lead = default_masks(results.methods, results.supervision)
    if results.mask_confusion[lead].counts.any():
        text = meaning.format(
            f"the refined {lead} masks give to the class of the column",
            scored_images(results.train_scores, "training"),
        )
        yield Plot(f"Confusion, {lead} masks", text, draw_confusion(results.mask_confusion[lead]))
    for model in _scored_models(results):
        text = meaning.format(f"the {model} model gives to the class of the column", _split_images(results))
        yield Plot(f"Confusion, {model}", text, draw_confusion(results.confusion[model]))


def _scored_models(results: Results) -> list[str]:
    return [s for s in results.supervision if results.evaluation[s]["miou"] is not None]


def _split_images(results: Results) -> str:
    return scored_images(results.val_scores, scored_split(results))


def inline_svg(plot: Plot) -> Markup:
    """The plot as an `<svg>` element; matplotlib has escaped its texts."""
    label = Markup('<svg role="img" aria-label="{}"').format(plot.title)
    return Markup(to_svg(plot.figure).replace("<svg", label, 1))
