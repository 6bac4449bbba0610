"""How sure the masks are that a command hands over, from what lies in the project."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import read_json
from pipeline.base.parallel import parallel_map
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.engine.device import pick_device, place
from pipeline.errors import UserError
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import heat_confidence, mask_confidence
from pipeline.params import EvaluationParams, method_of
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_probabilities


@dataclass(frozen=True)
class Heated:
    """Masks and the heatmaps that they came from: what a worker needs besides the sample."""

    masks: Path
    heatmaps: Path
    threshold: float


def pseudo_confidences(name: str, samples: Sequence[Sample]) -> list[float]:
    """Of the pseudo-masks `data/masks/NAME`, by the heatmaps of their method at its threshold.

    Masks of a self-training round are held against the heatmaps that the first masks were made of: what two
    opinions share is sure.

    Raises:
        ValueError: heatmaps or threshold are missing, or do not fit.
    """
    method = method_of(name)
    metrics = paths.REPORTS / "pseudo_masks" / method / "metrics.json"
    for needed in (paths.HEATMAPS / method / "index.json", metrics):
        if not needed.is_file():
            raise UserError(
                f"{needed}: no such file, and the confidence of {paths.MASKS / name} comes from it. "
                "Run `make repro` again"
            )
    job = Heated(paths.MASKS / name, paths.HEATMAPS / method, float(read_json(metrics)["threshold"]))
    return parallel_map(partial(pseudo_confidence, job), samples, description="confidence")


def pseudo_confidence(job: Heated, sample: Sample) -> float:
    """Of one pseudo-mask, see `heat_confidence`. A mask that was corrected by hand is sure: 1."""
    if mask_path(paths.CORRECTED, sample).exists():
        return 1.0
    mask, stored = load_mask(job.masks, sample), HeatmapStore(job.heatmaps).read(sample)
    with naming(job.masks, sample):
        return heat_confidence(mask, stored, np.array(sample.labels, int), job.threshold)


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
        with naming(folder, sample):
            found.append(mask_confidence(mask, probabilities.cpu().numpy()[ids], ids))
    return found


@contextmanager
def naming(folder: Path, sample: Sample) -> Iterator[None]:
    """Name the mask in errors about it."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"{folder}: {sample.name!r}: {error}. Run `make repro` again") from error
