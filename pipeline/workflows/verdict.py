"""The vetoes of a finished run, from images, image-level labels and what the stages made of them."""

from collections.abc import Iterator

import numpy as np

from pipeline import paths
from pipeline.base.files import read_csv
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, shown_classes
from pipeline.evaluation.classifier_vetoes import same_labels, unknown_classes
from pipeline.evaluation.mask_vetoes import flooded_masks, full_masks, many_lost_labels, narrow_objects
from pipeline.evaluation.model_vetoes import (
    contradicting_masks,
    false_areas,
    unconfirmed_masks,
    unfound_labels,
)
from pipeline.evaluation.veto import Veto
from pipeline.heatmaps.evidence import read_evidence
from pipeline.params import FULL, Params, default_masks, default_supervision, method_of
from pipeline.workflows.confidence import IMAGES, lost_indices
from pipeline.workflows.leading_round import find_lead
from pipeline.workflows.mask_comparison import (
    compare_masks,
    compare_with_model,
    labelled_samples,
    read_marked_areas,
)
from pipeline.workflows.refinement import read_choice

MOST = 200  # masks or predictions that are looked at
MOST_PREDICTED = 100  # training images that the model predicts


def find_vetoes(manifest: Manifest, params: Params) -> list[Veto]:
    """All vetoes: of the classifier, of the leading masks, of the model that learns from them."""
    methods, supervision = params.heatmaps.methods, find_lead(params).supervision
    masks, model = default_masks(methods, supervision), default_supervision(supervision)
    vetoes = [*classifier_vetoes(manifest), *mask_vetoes(manifest, params, masks)]
    if model != FULL:
        vetoes += model_vetoes(manifest, params, model)
    return vetoes


def classifier_vetoes(manifest: Manifest) -> Iterator[Veto]:
    """The vetoes by the image-level labels, and by the classifier on `val`."""
    folder, val = paths.REPORTS / "classifier", manifest.split("val")
    scores = {row["class"]: row["average_precision"] for row in read_csv(folder / "classes.csv")}
    precision = np.array([float(scores[name] or "nan") for name in manifest.classes])
    rows = read_csv(folder / "label_issues.csv")
    issues = [(row["name"], row["class"]) for row in rows if row["split"] == "val"]
    yield from same_labels(shown_classes(manifest, manifest.split("train")))
    yield from unknown_classes(manifest.classes, shown_classes(manifest, val), precision, issues)


def mask_vetoes(manifest: Manifest, params: Params, masks: str) -> Iterator[Veto]:
    """The vetoes by pseudo-masks, those of the other methods and rounds among them."""
    rows = read_csv(paths.REPORTS / "pseudo_masks" / masks / IMAGES)
    lost = [row["name"] for row in rows for _ in lost_indices(row, manifest.classes)]
    labels = sum(len(sample.labels) for sample in manifest.split("train"))
    yield from many_lost_labels(masks, labels, lost)
    samples, folder = labelled_samples(manifest, MOST), paths.MASKS / masks
    marked = read_marked_areas(manifest, samples, folder, params)
    evidence = read_evidence(paths.HEATMAPS / method_of(masks))
    if manifest.background:
        yield from full_masks(marked)
    if evidence is not None and evidence.small:
        yield from flooded_masks(marked, evidence.area)
    # Colours outline objects whatever the size of a cell.
    if read_choice(method_of(masks)).refine != "colours":
        yield from narrow_objects(manifest.classes, marked)
    for other in (*params.heatmaps.methods, *params.self_training.rounds):
        if other != masks:
            agreement = compare_masks(manifest, samples, folder, paths.MASKS / other)
            yield from contradicting_masks(masks, other, agreement)


def model_vetoes(manifest: Manifest, params: Params, model: str) -> Iterator[Veto]:
    """The vetoes by a model: on images that it has not seen, and on those that it learns from."""
    unseen = spaced(manifest.split(params.evaluation.split), MOST)
    predictions = read_marked_areas(manifest, unseen, paths.PREDICTIONS / model, params)
    yield from false_areas(manifest.classes, model, predictions)
    yield from unfound_labels(model, predictions)
    samples, folder = labelled_samples(manifest, MOST_PREDICTED), paths.SEGMENTATION / model
    confirmed = compare_with_model(manifest, samples, paths.MASKS / model, folder, params)
    yield from unconfirmed_masks(model, confirmed)
