"""Training of the segmentation model on a folder of masks, true or pseudo."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipeline.data.manifest import Manifest, Sample, load_mask
from pipeline.data.stream import Given, TrainingStream
from pipeline.engine.training_loop import Objective, Record, fit
from pipeline.params import Params
from pipeline.segmentation.loss import background_shift, balanced_cross_entropy
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.teacher import Student, correct, correctable


def train_segmentation(
    net: SegmentationNet,
    manifest: Manifest,
    samples: Sequence[Sample],
    masks: Path,
    trusted: Collection[str],
    params: Params,
    checkpoint: Path,
    description: str,
) -> list[Record]:
    """Fit `net` to the masks of `samples` in the folder `masks`; returns the curve.

    Args:
        trusted: names of samples whose mask is true: it is drawn more often than others, see `repeated`, and
            the teacher leaves it alone. With all of them there is no teacher.
    """
    section = params.segmentation
    samples = repeated(samples, trusted, section.corrected_repeats)
    shift = background_shift((load_mask(masks, sample) for sample in samples), section.background_prior)
    taught = section.teacher.confidence < 1 and any(sample.name not in trusted for sample in samples)
    target: Callable[[Sample], Given] = partial(load_mask, masks)
    if taught:
        target = partial(mask_and_correctable, masks, trusted, len(manifest.classes) + 1)

    def plain(net: SegmentationNet, images: Tensor, masks: Tensor, _step: int) -> Tensor:
        return balanced_cross_entropy(net(images).float(), masks, shift)

    def with_teacher(student: Student, images: Tensor, targets: tuple[Tensor, Tensor], step: int) -> Tensor:
        student.teacher.update_parameters(student.net)
        masks, allowed = targets
        if step >= section.teacher.start * section.training.steps:
            masks = correct(masks, student.taught(images), allowed, section.teacher.confidence)
        return plain(student.net, images, masks, step)

    stream = TrainingStream(
        manifest, samples, target, section.training, long_side=params.data.long_side, seed=params.seed
    )
    learner: tuple[nn.Module, Objective[Any]] = (net, plain)
    if taught:
        learner = Student(net, section.teacher), with_teacher
    encoder = list(net.model.get_submodule("encoder").parameters())
    return fit(
        *learner,
        stream,
        section.training,
        pretrained=encoder if params.segmentation_is_pretrained() else [],
        checkpoint=checkpoint,
        description=description,
    )


def repeated(samples: Sequence[Sample], trusted: Collection[str], times: int) -> list[Sample]:
    """`samples`, those that are trusted `times` times, unless all are.

    A few true masks among a thousand pseudo-masks would hardly be seen.
    """
    known = [sample for sample in samples if sample.name in trusted]
    return [*samples, *(known * (times - 1) if len(known) < len(samples) else [])]


def mask_and_correctable(masks: Path, trusted: Collection[str], labels: int, sample: Sample) -> Given:
    """The mask of `sample` and what the teacher may make of it."""
    return load_mask(masks, sample), correctable(sample.labels, labels, trusted=sample.name in trusted)
