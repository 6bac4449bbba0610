"""What masks of a store mark, and how far two stores, or a store and a model, agree; without ground truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample, shown_classes
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.encoders import cell_pixels
from pipeline.engine.mapping import map_images
from pipeline.evaluation.agreement import Agreement, class_ious, confirmed_shares, measure_agreement
from pipeline.evaluation.marked_areas import MarkedAreas, mask_areas, mask_widths
from pipeline.params import Params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.prediction import prediction_pass


def labelled_samples(manifest: Manifest, most: int) -> list[Sample]:
    """Training images with labels and without a corrected mask, `most` of them at most, evenly spaced."""
    train = [sample for sample in manifest.split("train") if sample.labels]
    return spaced([sample for sample in train if not has_mask(paths.CORRECTED, sample)], most)


def read_marked_areas(
    manifest: Manifest, samples: Sequence[Sample], folder: Path, params: Params
) -> MarkedAreas:
    """What the masks of the samples mark, as far as `folder` has them."""
    present, classes = [sample for sample in samples if has_mask(folder, sample)], len(manifest.classes)
    areas, widths = np.zeros((2, len(present), classes))
    cell = cell_pixels(params.classifier.encoder, params.classifier.output_stride)
    for row, sample in enumerate(present):
        mask = load_mask(folder, sample)
        areas[row] = mask_areas(mask, classes)
        widths[row] = mask_widths(mask, classes, heat_cell(sample, params, cell))
    names = [sample.name for sample in present]
    return MarkedAreas(names, shown_classes(manifest, present), areas, widths)


def heat_cell(sample: Sample, params: Params, cell: int) -> float:
    """The side of a cell of `cell` pixels at the largest scale of the heatmaps, in pixels of the image."""
    scaled = params.working_side() * max(params.heatmaps.scales)
    return cell * max(sample.height, sample.width) / scaled


def compare_masks(manifest: Manifest, samples: Sequence[Sample], first: Path, second: Path) -> Agreement:
    """The IoUs of the masks of two folders."""
    pairs = ((s.name, load_mask(first, s), load_mask(second, s)) for s in samples)
    return measure_agreement(pairs, len(manifest.classes), class_ious)


def compare_with_model(
    manifest: Manifest, samples: Sequence[Sample], masks: Path, model: Path, params: Params
) -> Agreement:
    """How much of masks a model confirms, by predictions that are made as for new images: without labels."""
    net = to_channels_last(load_segmentation_net(model), pick_device())
    work = prediction_pass(net, manifest, params, lambda _, mask, __: mask, "verdict")
    predicted = map_images(samples, work)
    pairs = ((s.name, load_mask(masks, s), mask) for s, (mask, _) in zip(samples, predicted, strict=True))
    return measure_agreement(pairs, len(manifest.classes), confirmed_shares)
