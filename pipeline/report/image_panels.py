"""The images that the report shows: chosen, predicted where needed, and drawn side by side in rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.data.images import ImageArray, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import map_images
from pipeline.heatmaps.store import HeatmapStore
from pipeline.params import Params, default_method
from pipeline.report.image_selection import (
    TRAIN,
    Choice,
    Row,
    choose_images,
    ranked,
    share_out,
    unseen_title,
)
from pipeline.report.results import MiouByImage, Results
from pipeline.report.tiles import Tile, heat_tiles, mask_tiles, shrink_image, shrink_mask, threshold_tile
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.prediction import prediction_pass

THUMBNAILS = 12  # label issues that are shown
THUMBNAIL_SIDE = 160  # pixels

Predictions = dict[str, dict[str, Mask]]  # at the report's size, by supervision and sample name


def make_rows(manifest: Manifest, results: Results, params: Params) -> dict[str, list[Row]]:
    """`report.images`, half of each split: the worst, random and best ones, by the title of their section."""
    split = params.evaluation.split
    scores, sure = results.train_scores, results.train_confidences
    val_scores, val_sure = results.val_scores, results.val_confidences
    orders = (
        ranked(manifest.split("train"), scores, sure),
        ranked(manifest.split(split), val_scores, val_sure),
    )
    counts = share_out(params.report.images, *map(len, orders))
    train, unseen = (choose_images(o, n, "worst", "best") for o, n in zip(orders, counts, strict=True))
    predicted = predict_train(manifest, [choice.sample for choice in train], params)
    stores = {method: HeatmapStore(paths.HEATMAPS / method) for method in results.methods}
    shown = [choice.sample for choice in unseen]
    stored = {name: read_shown_masks(paths.PREDICTIONS / name, shown) for name in results.supervision}

    def row(choice: Choice, tiles: tuple[Tile, ...], miou: MiouByImage, confidence: MiouByImage) -> Row:
        name = choice.sample.name
        return Row(choice.sample, miou.get(name), tiles, choice.why, confidence.get(name))

    return {
        TRAIN: [
            row(c, train_tiles(manifest, c.sample, results, stores, predicted), scores, sure) for c in train
        ],
        unseen_title(split): [
            row(c, unseen_tiles(manifest, c.sample, stored), val_scores, val_sure) for c in unseen
        ],
    }


def issue_thumbnails(
    manifest: Manifest, results: Results, most: int
) -> list[tuple[dict[str, str], ImageArray]]:
    """The first rows of the label issues with their images, small: `most` of them, `THUMBNAILS` at most."""
    samples = {sample.name: sample for sample in manifest.samples}
    rows = [row for row in results.label_issues if row["name"] in samples][: min(most, THUMBNAILS)]
    return [(row, shrink_image(manifest.image(samples[row["name"]]), THUMBNAIL_SIDE)) for row in rows]


def predict_train(manifest: Manifest, samples: Sequence[Sample], params: Params) -> Predictions:
    """The predictions of each trained model for these training images."""
    predictions: Predictions = {}
    for name in params.segmentation.supervision:
        folder = paths.SEGMENTATION / name
        if not samples or (folder / paths.SKIPPED).exists():
            continue
        net = to_channels_last(load_segmentation_net(folder), pick_device())
        work = prediction_pass(
            net, manifest, params, lambda _, mask, __: shrink_mask(mask), f"report ({name})"
        )
        shrunk = [mask for mask, _ in map_images(samples, work)]
        predictions[name] = {sample.name: mask for sample, mask in zip(samples, shrunk, strict=True)}
    return predictions


def read_shown_masks(folder: Path, samples: Sequence[Sample]) -> dict[str, Mask]:
    """The masks of `samples` that `folder` has, at the report's size."""
    present = [sample for sample in samples if has_mask(folder, sample)]
    return {sample.name: shrink_mask(load_mask(folder, sample)) for sample in present}


def train_tiles(
    manifest: Manifest,
    sample: Sample,
    results: Results,
    stores: Mapping[str, HeatmapStore],
    predictions: Predictions,
) -> tuple[Tile, ...]:
    """Image, heatmaps, thresholded heatmap, pseudo-masks or the corrected mask, ground truth, predictions."""
    image = shrink_image(manifest.image(sample))
    method = default_method(results.methods, results.supervision)
    heatmaps = {m: store.read(sample) for m, store in stores.items()}
    threshold = results.pseudo_masks[method]["threshold"]
    rounds = [name for name in results.pseudo_masks if name not in results.methods]
    pseudo_masks: dict[str, Mask] = {}
    for name in (method, *rounds):
        pseudo_masks |= captioned(f"pseudo-mask, {name}", paths.MASKS / name, sample)
    caption = f"{method}, largest" if threshold is None else f"{method} > {threshold:.2f}"
    masks = {caption: threshold_tile(image, heatmaps[method], sample.labels, threshold)}
    masks |= captioned("corrected mask", paths.CORRECTED, sample) or pseudo_masks
    masks |= ground_truth_and_predictions(sample, predictions)
    return (Tile("image", image), *heat_tiles(image, heatmaps), *mask_tiles(image, masks))


def unseen_tiles(manifest: Manifest, sample: Sample, predictions: Predictions) -> tuple[Tile, ...]:
    """Image, ground truth, predictions."""
    image = shrink_image(manifest.image(sample))
    return (Tile("image", image), *mask_tiles(image, ground_truth_and_predictions(sample, predictions)))


def ground_truth_and_predictions(sample: Sample, predictions: Predictions) -> dict[str, Mask]:
    """The ground truth and the predictions of one image, as far as they exist, by caption."""
    return captioned("ground truth", paths.GROUND_TRUTH, sample) | {
        f"prediction {name}": masks[sample.name]
        for name, masks in predictions.items()
        if sample.name in masks
    }


def captioned(caption: str, folder: Path, sample: Sample) -> dict[str, Mask]:
    """The mask of `sample` under its caption; nothing where `folder` has none."""
    masks = read_shown_masks(folder, [sample])
    return {caption: masks[sample.name]} if masks else {}
