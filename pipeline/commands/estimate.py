"""Estimates how long a run takes and how much disk it needs, before the run starts.

Seconds = megapixels x CPU seconds per megapixel / 1.6, for 2 cores without a GPU that share 80 % of the work.
The CPU seconds were measured on one core of a server, for tu-resnet10t and an FPN of half its width.
mobilenet_v2 takes 0.7 of these seconds, resnet18 1.4, resnet50 3. Another machine can differ by a factor of
2. The start of each stage is left out. Only `prepare` reads large images at their own size.
The walk's own encoder takes as many times the seconds of tu-resnet10t as it takes multiplications. The other
refiners take as many times the seconds of the CRF as `python -m benchmarks.refiners` says, in CPU seconds of
one process with one thread: the mean of two runs, whose ratios differed by a factor of 1.5.
Bytes = stored heatmaps + masks as PNG + working copies + 50 MB for each model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.base.sizes import HEAT_STRIDE, crop_side, working_size
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import FULL, Params, Refinement, TrainingParams
from pipeline.workflows.object_size import tells_sizes

CORES = 2 * 0.8  # two cores share 80 % of the work

# CPU seconds per megapixel on one core
DECODE = 0.02
PREPARE = 0.03  # of an image's own size: decoded, hashed and shrunk, with its mask
CLASSIFIER_TRAINING = 1.1
CLASSIFIER_FORWARD = 0.35
EVIDENCE = 100  # images with labels, and as many without, that tell the size of objects
EVIDENCE_SCALES = (1.0, 3.0)
DEPTH = 0.4  # times CLASSIFIER_FORWARD, for the gradients of each earlier depth
SEGMENTATION_TRAINING = 1.8
SEGMENTATION_FORWARD = 0.6
TRAINED_NORM = 1.4  # times the training, if BatchNorm is trained; pretrained encoders freeze it
CRF_STEP = 0.05  # per iteration and per class of the image, with the background
PAR_WEIGHTS, PAR_STEP = 0.8, 0.015  # of the neighbours, once; and per iteration
SUPERPIXELS = 0.4  # of the image as the stages read it
PIXELS, LEARNT = 0.35, 500  # so too, before the CRF; images at most that are learnt from, which costs as much
SMALL = 21_858  # multiplications of tu-resnet10t for each pixel

MASK_BYTES = 0.03  # per pixel, as PNG
COPY_BYTES = 0.5  # per pixel of a working copy, as JPEG
MODEL_BYTES = 50e6


def estimate_seconds(manifest: Manifest, params: Params) -> dict[str, float]:
    """Seconds of each step of a run of the whole pipeline, roughly."""
    train, side = manifest.split("train"), params.working_side()
    area, models = _working_area(train, side), _models(manifest, params)
    decoding = DECODE * _area(train) / max(1, len(train))
    section, heatmaps = params.segmentation, params.heatmaps
    classifier_cost = CLASSIFIER_TRAINING * (TRAINED_NORM if params.classifier.weights == "none" else 1)
    model_cost = SEGMENTATION_TRAINING * (1 if params.segmentation_is_pretrained() else TRAINED_NORM)
    crop = crop_side(section.training, params.data.long_side)
    model = _training(section.training, crop, model_cost, decoding)
    teacher = (1 - section.teacher.start) * _training(section.training, crop, SEGMENTATION_FORWARD, 0)
    bag = params.data.tiles * crop_side(params.classifier.training, params.data.long_side)
    with_teacher = sum(name != FULL for name in section.supervision) * (section.teacher.confidence < 1)
    passes = _passes(heatmaps.scales, heatmaps.flip)
    self_training = _passes(params.self_training.scales, params.self_training.flip)
    scored = manifest.split(params.evaluation.split)
    evaluated = _passes(params.evaluation.scales, params.evaluation.flip) * _working_area(scored, side)
    refined = _refining(scored, params, params.evaluation.refine)
    core_seconds = {
        "prepare": PREPARE * sum(map(_megapixels, manifest.samples)),
        "train_classifier": _training(params.classifier.training, bag, classifier_cost, decoding),
        "make_heatmaps": CLASSIFIER_FORWARD
        * ((1 + DEPTH * (heatmaps.depths - 1)) * passes * area + _evidence(manifest, params))
        + _walking(params, area),
        "make_pseudo_masks": _mask_sets(params) * _refining(train, params, params.pseudo_masks.refine),
        "self_train": SEGMENTATION_FORWARD * len(params.self_training.rounds) * self_training * area,
        "train_segmentation": models * model + with_teacher * teacher,
        "evaluate": models * (SEGMENTATION_FORWARD * evaluated + refined),
    }
    return {step: seconds / CORES for step, seconds in core_seconds.items()}


def estimate_bytes(manifest: Manifest, params: Params) -> float:
    """Bytes on disk after a run of the whole pipeline, roughly."""
    train, side = manifest.split("train"), params.working_side()
    models = _models(manifest, params)
    values = 1e6 * sum(len(s.labels) * _working_area([s], side) for s in train) / HEAT_STRIDE**2
    ground_truth = _area(sample for sample in manifest.samples if sample.mask)
    predictions = models * _area(manifest.split(params.evaluation.split))
    masks = ground_truth + _mask_sets(params) * _area(train) + predictions
    copies = COPY_BYTES * _area(sample for sample in manifest.samples if sample.has_copy)
    images = 1e6 * (masks * MASK_BYTES + copies)
    return len(params.heatmaps.methods) * values + images + (1 + models) * MODEL_BYTES


def _models(manifest: Manifest, params: Params) -> int:
    """Number of segmentation models; `full` needs ground-truth masks."""
    masks = any(sample.mask for sample in manifest.split("train"))
    return sum(masks or name != FULL for name in params.segmentation.supervision)


def _mask_sets(params: Params) -> int:
    """Number of pseudo-masks of a training image: one of each method and of each self-training round."""
    return len(params.heatmaps.methods) + len(params.self_training.rounds)


def _megapixels(sample: Sample) -> float:
    """Of the image itself, where `_area` counts its working copy."""
    return sample.original_size[0] * sample.original_size[1] / 1e6


def _area(samples: Iterable[Sample]) -> float:
    """Megapixels of the images as the stages read them."""
    return sum(sample.height * sample.width for sample in samples) / 1e6


def _working_area(samples: Iterable[Sample], long_side: int) -> float:
    """Megapixels of the images at the working size."""
    sizes = (working_size(sample.height, sample.width, long_side) for sample in samples)
    return sum(height * width for height, width in sizes) / 1e6


def _training(params: TrainingParams, crop: int, cost: float, decoding: float) -> float:
    """Core seconds; `cost` is seconds per megapixel, `decoding` seconds to read an image."""
    return params.steps * params.batch_size * (cost * crop**2 / 1e6 + decoding)


def _passes(scales: Sequence[float], flip: bool) -> float:
    """Pixels that go through the network, per pixel of the working size."""
    return (2 if flip else 1) * sum(scale**2 for scale in scales)


def _evidence(manifest: Manifest, params: Params) -> float:
    """Megapixels that the classifier sees to tell the size of objects."""
    if not tells_sizes(manifest, params.heatmaps.objects):
        return 0.0
    train = manifest.split("train")
    kinds = ([s for s in train if bool(s.labels) == shown] for shown in (True, False))
    chosen = [sample for kind in kinds for sample in spaced(kind, EVIDENCE)]
    return _passes(EVIDENCE_SCALES, flip=False) * _working_area(chosen, params.working_side())


def _walking(params: Params, area: float) -> float:
    """Core seconds of the encoder that the walk uses beside the classifier: each image once, at its scale."""
    walk = params.heatmaps.walk
    times = sum(_times_small(encoder) for encoder, _ in walk.encoders())
    return CLASSIFIER_FORWARD * times * walk.scale**2 * area


def _times_small(encoder: str) -> float:
    """How many times the multiplications of the small encoder one takes; 1 where nobody knows it."""
    from pipeline.engine.encoders import multiplications  # here, since it loads torch

    try:
        return multiplications(encoder) / SMALL
    except (KeyError, ValueError, RuntimeError):
        return 1.0  # the check before a run names it


def _refining(samples: Sequence[Sample], params: Params, refine: Refinement) -> float:
    """Core seconds of the refinement of one set of masks; `auto` may take pixels."""
    section, shown = params.pseudo_masks, [sample for sample in samples if sample.labels]
    own, crf = _area(shown), CRF_STEP * section.crf.iterations * _solved(shown, params, section.crf.max_side)
    match refine:
        case "none":
            return 0.0
        case "par":
            of_image = [replace(sample, labels=()) for sample in shown]
            cost = PAR_WEIGHTS + PAR_STEP * section.par.iterations
            return cost * _solved(of_image, params, section.par.max_side)
        case "segments":
            return SUPERPIXELS * own
        case "pixels" | "auto":
            return (crf + PIXELS * own) * (1 + min(1, LEARNT / max(1, len(shown))))
    return crf


def _solved(samples: Iterable[Sample], params: Params, max_side: int) -> float:
    """Megapixels that a refiner solves, once for each label of an image and for the background."""
    most = params.data.tiles * max_side
    return sum((len(s.labels) + 1) * _working_area([s], min(most, max(s.height, s.width))) for s in samples)
