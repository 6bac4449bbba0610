"""The images that the report shows, with their heatmaps, masks and predictions beside each other."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pipeline import paths
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.heatmaps.store import HeatmapStore
from pipeline.params import CrfParams, EvaluationParams
from pipeline.report.results import Results, lead_method
from pipeline.report.rows import TRAIN, Row, share_out, unseen_title, worst_first
from pipeline.report.tiles import Tile, cut_heat, heat_tiles, mask_tiles, shrink_image, shrink_mask
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.prediction import predict

Predictions = dict[str, dict[str, Mask]]  # at the report's size, by supervision and sample name


def make_rows(
    manifest: Manifest, results: Results, count: int, params: EvaluationParams, crf: CrfParams
) -> dict[str, list[Row]]:
    """`count` images, half of each split and the worst of it first, by the title of their section."""
    train, unseen = share_out(
        count,
        worst_first(manifest.split("train"), results.train_scores),
        worst_first(manifest.split(params.split), results.val_scores),
    )
    predicted = predict_train(manifest, train, results.supervision, params, crf)
    stored = read_predictions(unseen, results.supervision)
    return {
        TRAIN: [
            Row(s, results.train_scores.get(s.name), train_tiles(manifest, s, results, predicted))
            for s in train
        ],
        unseen_title(params.split): [
            Row(s, results.val_scores.get(s.name), unseen_tiles(manifest, s, stored)) for s in unseen
        ],
    }


def predict_train(
    manifest: Manifest,
    samples: Sequence[Sample],
    supervision: Sequence[str],
    params: EvaluationParams,
    crf: CrfParams,
) -> Predictions:
    """What each model makes of these training images; models that were not trained are left out."""
    found: Predictions = {}
    for name in supervision:
        folder = paths.SEGMENTATION / name
        if not samples or (folder / paths.SKIPPED).exists():
            continue
        net = to_channels_last(load_segmentation_net(folder), pick_device())
        found[name] = {
            sample.name: shrink_mask(predict(net, manifest.image(sample), params, crf))
            for sample in tqdm(samples, f"report ({name})", unit="image", disable=None)
        }
    return found


def read_predictions(samples: Sequence[Sample], supervision: Sequence[str]) -> Predictions:
    """The predictions that `evaluate` wrote."""
    return {name: read_shown_masks(paths.PREDICTIONS / name, samples) for name in supervision}


def read_shown_masks(folder: Path, samples: Sequence[Sample]) -> dict[str, Mask]:
    """The masks of `samples` that `folder` has, at the report's size."""
    present = [sample for sample in samples if mask_path(folder, sample).exists()]
    return {sample.name: shrink_mask(load_mask(folder, sample)) for sample in present}


def train_tiles(
    manifest: Manifest, sample: Sample, results: Results, predictions: Predictions
) -> tuple[Tile, ...]:
    """Image, heatmaps, thresholded heatmap, pseudo-masks or the corrected mask, ground truth, predictions."""
    image = shrink_image(manifest.image(sample))
    method = lead_method(results.methods, results.supervision)
    heatmaps = {m: HeatmapStore(paths.HEATMAPS / m).read(sample) for m in results.methods}
    threshold = results.pseudo_masks[method]["threshold"]
    masks = {f"{method} > {threshold:.2f}": cut_heat(image, heatmaps[method], sample.labels, threshold)}
    corrected = captioned("corrected mask", paths.CORRECTED, sample)
    made: dict[str, Mask] = {}
    for name in (method, *(name for name in results.pseudo_masks if name not in results.methods)):
        made |= captioned(f"pseudo-mask, {name}", paths.MASKS / name, sample)
    masks |= corrected or made
    masks |= truth_and_predictions(sample, predictions)
    return (Tile("image", image), *heat_tiles(image, heatmaps), *mask_tiles(image, masks))


def unseen_tiles(manifest: Manifest, sample: Sample, predictions: Predictions) -> tuple[Tile, ...]:
    """Image, ground truth, predictions."""
    image = shrink_image(manifest.image(sample))
    return (Tile("image", image), *mask_tiles(image, truth_and_predictions(sample, predictions)))


def truth_and_predictions(sample: Sample, predictions: Predictions) -> dict[str, Mask]:
    """The ground-truth mask where there is one, and the predictions that there are, by caption."""
    masks = captioned("ground truth", paths.GROUND_TRUTH, sample)
    masks |= {
        f"prediction {name}": found[sample.name]
        for name, found in predictions.items()
        if sample.name in found
    }
    return masks


def captioned(caption: str, folder: Path, sample: Sample) -> dict[str, Mask]:
    """The mask of `sample` under its caption; nothing where `folder` has none."""
    found = read_shown_masks(folder, [sample])
    return {caption: found[sample.name]} if found else {}
