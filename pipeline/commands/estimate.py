"""How long a run will take and how much disk it needs, roughly, before it starts.

Seconds = megapixels seen x CPU seconds per megapixel / 1.6, for 2 cores without a GPU that share the work at
80 %. The CPU seconds were measured for tu-resnet10t, and an FPN of half its width on it, on one core of a
server: mobilenet_v2 takes 0.7 of them, resnet18 1.4, resnet50 3, and another machine can differ by a factor
of 2. The start of each stage is left out. Bytes = values stored, plus what a mask takes as PNG, plus 50 MB
per model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.base.sizes import crop_side, working_size
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import FULL, CrfParams, Params, TrainingParams

CORES = 2 * 0.8  # what two cores do together, since not all work is shared

# CPU seconds per megapixel on one core
DECODE = 0.02
CLASSIFIER_TRAINING = 1.1
CLASSIFIER_FORWARD = 0.35
DEPTH = 0.4  # of these, for the gradients of each earlier depth
SEGMENTATION_TRAINING = 1.8
SEGMENTATION_FORWARD = 0.6
TRAINED_NORM = 1.4  # times the training, where BatchNorm is not frozen, as it is in pretrained encoders
CRF_STEP = 0.05  # and per label, with the background, and iteration

MASK_BYTES = 0.03  # per pixel, as PNG
MODEL_BYTES = 50e6
HEATMAP_STRIDE = 4  # pixels of the working size per stored value, one byte each


@dataclass(frozen=True)
class Estimate:
    """Seconds of each step, and bytes of what is written apart from copies of the images."""

    seconds: dict[str, float]
    disk: float


def estimate(manifest: Manifest, params: Params) -> Estimate:
    """Seconds and bytes of a run of the whole pipeline; see the module for what the numbers are worth."""
    core_seconds = _core_seconds(manifest, params)
    return Estimate({step: s / CORES for step, s in core_seconds.items()}, _bytes(manifest, params))


def _core_seconds(manifest: Manifest, params: Params) -> dict[str, float]:
    train, side = manifest.split("train"), params.data.long_side
    models, masks = _models(manifest, params), _mask_sets(params)
    decoding = DECODE * _area(train) / max(1, len(train))
    section = params.segmentation
    first = CLASSIFIER_TRAINING * (TRAINED_NORM if params.classifier.weights == "none" else 1)
    second = SEGMENTATION_TRAINING * (1 if params.segmentation_is_pretrained() else TRAINED_NORM)
    classifier = _training(params.classifier.training, side, first, decoding)
    model = _training(section.training, side, second, decoding)
    teacher = (1 - section.teacher.start) * _training(section.training, side, SEGMENTATION_FORWARD, 0)
    taught = sum(name != FULL for name in section.supervision) * (section.teacher.confidence < 1)
    heatmaps = _passes(params.heatmaps.scales, params.heatmaps.flip) * _working_area(train, side)
    passes = _passes(params.evaluation.scales, params.evaluation.flip)
    evaluated = passes * _working_area(manifest.split(params.evaluation.split), side)
    again = len(params.self_training.rounds) * _passes(params.self_training.scales, params.self_training.flip)
    return {
        "train_classifier": classifier,
        "make_heatmaps": CLASSIFIER_FORWARD * (1 + DEPTH * (params.heatmaps.depths - 1)) * heatmaps,
        "make_pseudo_masks": masks * _crf(train, params.pseudo_masks.crf, params.pseudo_masks.refine),
        "self_train": SEGMENTATION_FORWARD * again * _working_area(train, side),
        "train_segmentation": models * model + taught * teacher,
        "evaluate": models * SEGMENTATION_FORWARD * evaluated,
    }


def _bytes(manifest: Manifest, params: Params) -> float:
    train, side = manifest.split("train"), params.data.long_side
    models = _models(manifest, params)
    values = 1e6 * sum(len(s.labels) * _working_area([s], side) for s in train) / HEATMAP_STRIDE**2
    true_masks = _area(s for s in manifest.samples if s.mask)
    predictions = models * _area(manifest.split(params.evaluation.split))
    masks = true_masks + _mask_sets(params) * _area(train) + predictions
    return len(params.heatmaps.methods) * values + 1e6 * masks * MASK_BYTES + (1 + models) * MODEL_BYTES


def _models(manifest: Manifest, params: Params) -> int:
    """Number of segmentation models; `full` needs ground-truth masks."""
    masks = any(sample.mask for sample in manifest.split("train"))
    return sum(masks or name != FULL for name in params.segmentation.supervision)


def _mask_sets(params: Params) -> int:
    """How many pseudo-masks a training image gets: one by each method, and those of self-training."""
    return len(params.heatmaps.methods) + len(params.self_training.rounds)


def _area(samples: Iterable[Sample]) -> float:
    """Megapixels of the images."""
    return sum(sample.height * sample.width for sample in samples) / 1e6


def _working_area(samples: Iterable[Sample], long_side: int) -> float:
    """Megapixels of the images at the working size."""
    sizes = (working_size(sample.height, sample.width, long_side) for sample in samples)
    return sum(height * width for height, width in sizes) / 1e6


def _training(params: TrainingParams, long_side: int, cost: float, decoding: float) -> float:
    """Core seconds; `decoding` are those of reading one image."""
    return params.steps * params.batch_size * (cost * crop_side(params, long_side) ** 2 / 1e6 + decoding)


def _passes(scales: Sequence[float], flip: bool) -> float:
    """Pixels seen per pixel of the working size."""
    return (2 if flip else 1) * sum(scale**2 for scale in scales)


def _crf(samples: Iterable[Sample], params: CrfParams, refine: str) -> float:
    if refine == "none":
        return 0.0
    cost = CRF_STEP * params.iterations
    return cost * sum(
        (len(s.labels) + 1) * _working_area([s], min(params.max_side, max(s.height, s.width)))
        for s in samples
        if s.labels
    )
