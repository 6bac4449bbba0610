"""How sure the masks are that a command hands over, from what lies in the project."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.data.files import read_json
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.data.parallel import parallel_map
from pipeline.engine.device import pick_device, place
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import mask_confidence
from pipeline.masks.threshold import competition, label_ids, upsample
from pipeline.params import RELABELLED, EvaluationParams
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_probabilities
from pipeline.stages import paths


@dataclass(frozen=True)
class Heated:
    """Masks and the heatmaps that they came from: what a worker needs besides the sample."""

    masks: Path
    heatmaps: Path
    threshold: float


def pseudo_confidences(name: str, samples: Sequence[Sample]) -> list[float]:
    """Of the pseudo-masks `data/masks/NAME`, by the heatmaps of their method at its threshold.

    Relabelled masks are held against the heatmaps that the first masks were made of: what two opinions share
    is sure.

    Raises:
        ValueError: heatmaps or threshold are missing, or do not fit.
    """
    method = name.removesuffix(RELABELLED)
    metrics = paths.REPORTS / "pseudo_masks" / method / "metrics.json"
    for needed in (paths.HEATMAPS / method / "index.json", metrics):
        if not needed.is_file():
            raise ValueError(
                f"{needed}: no such file, and the confidence of {paths.MASKS / name} comes from it. "
                "Run `make repro` again"
            )
    job = Heated(paths.MASKS / name, paths.HEATMAPS / method, float(read_json(metrics)["threshold"]))
    return parallel_map(partial(heat_confidence, job), samples, description="confidence")


def heat_confidence(job: Heated, sample: Sample) -> float:
    """Of one pseudo-mask: the scores of its labels against the threshold, divided by their sum.

    A mask that was corrected by hand is sure: 1.
    """
    if mask_path(paths.CORRECTED, sample).exists():
        return 1.0
    mask = load_mask(job.masks, sample)
    heat = upsample(HeatmapStore(job.heatmaps).read(sample), (mask.shape[0], mask.shape[1]))
    ids = label_ids(heat, np.array(sample.labels, int))
    return named_confidence(job.masks, sample, mask, competition(heat, job.threshold), ids)


def predicted_confidences(
    net: SegmentationNet, manifest: Manifest, name: str, samples: Sequence[Sample], params: EvaluationParams
) -> list[float]:
    """Of the predictions `data/predictions/NAME`, by the model's own probabilities on each photo.

    Raises:
        ValueError: a photo cannot be read, or a prediction has an id that the model does not know.
    """
    net, folder = place(net, pick_device()), paths.PREDICTIONS / name
    found = []
    for sample in tqdm(samples, "confidence", unit="mask", disable=None):
        mask = load_mask(folder, sample)
        probabilities = predict_probabilities(net, manifest.image(sample), params.scales, flip=params.flip)
        # Only what is predicted: nobody says what should be in the picture.
        ids = np.intersect1d(mask, np.arange(len(probabilities))).astype(np.uint8)
        found.append(named_confidence(folder, sample, mask, probabilities.cpu().numpy()[ids], ids))
    return found


def named_confidence(
    folder: Path,
    sample: Sample,
    mask: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    probabilities: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    ids: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> float:
    """`mask_confidence`, with an error that names the mask."""
    try:
        return mask_confidence(mask, probabilities, ids)
    except ValueError as error:
        raise ValueError(f"{folder}: {sample.name!r}: {error}. Run `make repro` again") from error
