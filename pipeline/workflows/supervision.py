"""One supervision: the masks that a segmentation model learns from, and the network that it starts as."""

from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.base.files import write_csv, write_json, write_text
from pipeline.data.manifest import Manifest, Sample, mask_path
from pipeline.engine.training_loop import Record
from pipeline.params import FULL, Params
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet, make_segmentation_net


def samples_with_mask(manifest: Manifest, masks: Path) -> list[Sample]:
    """The training images that have a mask in `masks`."""
    return [sample for sample in manifest.split("train") if mask_path(masks, sample).exists()]


def trusted_names(supervision: str, samples: Sequence[Sample]) -> set[str]:
    """The samples whose mask is true: of `full` all of them, of pseudo-masks those that a human made."""
    if supervision == FULL:
        return {sample.name for sample in samples}
    return set((paths.MASKS / supervision / paths.BY_HAND).read_text(encoding="utf-8").splitlines())


def new_net(params: Params, classes: tuple[str, ...]) -> SegmentationNet:
    """The untrained model; its encoder starts from `segmentation.weights`."""
    return make_segmentation_net(
        params.segmentation,
        SegmentationConfig(classes, params.data.long_side),
        paths.CLASSIFIER / "model.safetensors",
        pretrained=params.segmentation_is_pretrained(),
    )


def skip_training(supervision: str) -> None:
    """Say in the place of a model that there is none, since there are no masks to train on."""
    note = f"train_segmentation@{supervision}: skipped, since {paths.MASKS / supervision} has no mask"
    note += " of a training image"
    print(note)
    write_text(paths.SEGMENTATION / supervision / paths.SKIPPED, note + "\n")
    write_training(supervision, 0, [])


def write_training(supervision: str, images: int, curve: Sequence[Record]) -> None:
    """Write on how many images the model was trained, and the loss and the learning rate of its steps."""
    folder = paths.REPORTS / "segmentation" / supervision
    write_json(folder / "metrics.json", {"images": images})
    write_csv(folder / "curve.csv", ("step", "loss", "lr"), curve)
