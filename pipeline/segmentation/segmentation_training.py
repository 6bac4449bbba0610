"""Training of the segmentation model on a folder of masks, true or pseudo."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.base.sizes import crop_side
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import count_ids, load_mask
from pipeline.data.training_examples import TargetParts, TrainingStream
from pipeline.engine.training_loop import Record, fit
from pipeline.params import Params
from pipeline.segmentation.held_out_scores import held_out_scores
from pipeline.segmentation.loss import background_shift
from pipeline.segmentation.mean_teacher import correctable
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.objective import TrainableSegmentation


@dataclass(frozen=True)
class MaskedSamples:
    """What a segmentation model learns from."""

    manifest: Manifest
    samples: Sequence[Sample]  # all of them have a mask
    masks: Path  # the folder of the masks
    trusted: Collection[str]  # names of the samples whose mask is true
    held_out: Sequence[Sample] = ()  # not learnt from; those that are trusted have a mask

    def repeated(self, times: int) -> list[Sample]:
        """The samples, those that are trusted `times` times, unless all are."""
        known = [sample for sample in self.samples if sample.name in self.trusted]
        return [*self.samples, *(known * (times - 1) if len(known) < len(self.samples) else [])]


def train_segmentation(
    net: SegmentationNet, data: MaskedSamples, params: Params, checkpoint: Path, description: str
) -> list[Record]:
    """Fit `net` to the masks of `data`; returns the curve.

    Trusted masks are drawn more often than others, and the teacher leaves them alone. With no others there
    is no teacher.
    """
    section = params.segmentation
    samples = data.repeated(section.corrected_repeats)
    shift = background_shift(count_ids(data.masks, samples), section.background_prior)
    taught = section.teacher.confidence < 1 and any(sample.name not in data.trusted for sample in samples)
    target: Callable[[Sample], TargetParts] = partial(load_mask, data.masks)
    if taught:
        target = partial(mask_and_correctable, data.masks, data.trusted, data.manifest.without_samples())
    stream = TrainingStream(
        data.manifest,
        samples,
        target,
        section.training,
        long_side=params.working_side(),
        crop=crop_side(section.training, params.data.long_side),
        seed=params.seed,
    )
    score = partial(held_out_scores, net, data.manifest, data.held_out, data.masks, data.trusted)
    encoder = list(net.model.get_submodule("encoder").parameters())
    return fit(
        TrainableSegmentation(net, section, shift, taught=taught),
        stream,
        section.training,
        pretrained=encoder if params.segmentation_is_pretrained() else [],
        checkpoint=checkpoint,
        description=description,
        score=score if data.held_out else None,
    )


def mask_and_correctable(
    masks: Path, trusted: Collection[str], manifest: Manifest, sample: Sample
) -> TargetParts:
    """The mask of `sample` and what the teacher may make of it."""
    allowed = correctable(
        sample.labels,
        len(manifest.classes),
        background=manifest.background,
        trusted=sample.name in trusted,
    )
    return load_mask(masks, sample), allowed
