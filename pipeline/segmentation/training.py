"""Training of the segmentation model on a folder of masks, true or pseudo."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pipeline.data.manifest import Manifest, Sample, load_mask
from pipeline.data.stream import TrainingStream
from pipeline.engine.training import Record, fit
from pipeline.params import Params
from pipeline.segmentation.loss import background_shift, balanced_cross_entropy
from pipeline.segmentation.network import SegmentationNet


def train_segmentation(
    net: SegmentationNet,
    manifest: Manifest,
    samples: Sequence[Sample],
    masks: Path,
    params: Params,
    checkpoint: Path,
    description: str,
) -> list[Record]:
    """Fit `net` to the masks of `samples` in the folder `masks`; returns the curve."""
    section = params.segmentation
    stream = TrainingStream(
        manifest,
        samples,
        lambda sample: load_mask(masks, sample),
        section.training,
        long_side=params.data.long_side,
        seed=params.seed,
    )
    encoder = list(net.model.get_submodule("encoder").parameters())
    pretrained = encoder if params.segmentation_is_pretrained() else []
    shift = background_shift((load_mask(masks, sample) for sample in samples), section.background_prior)

    def objective(net: SegmentationNet, images: Tensor, masks: Tensor, _step: int) -> Tensor:
        return balanced_cross_entropy(net(images).float(), masks, shift)

    return fit(
        net,
        objective,
        stream,
        section.training,
        pretrained=pretrained,
        checkpoint=checkpoint,
        description=description,
    )
