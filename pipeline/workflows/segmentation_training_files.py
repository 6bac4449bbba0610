"""What the training of a segmentation model reads and writes: masks, first network, work folder, curve."""

from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.base.files import write_json, write_text
from pipeline.data.held_out import part_held_out, read_held_out
from pipeline.data.manifest import Manifest
from pipeline.data.mask_store import has_mask
from pipeline.engine.licences import weights_licence
from pipeline.engine.training_loop import Record, write_curve
from pipeline.params import FULL, Params, weights_file
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet, make_segmentation_net
from pipeline.segmentation.segmentation_training import MaskedSamples
from pipeline.workflows.network_work_folder import network_work_folder


def masked_samples(manifest: Manifest, supervision: str) -> MaskedSamples:
    """The training images with a mask that nobody rejected; of `full` all are trusted, else the corrected."""
    masks = paths.MASKS / supervision
    file = masks / paths.REJECTED
    rejected = set(file.read_text(encoding="utf-8").splitlines() if file.exists() else [])
    learnt, held = part_held_out(manifest, read_held_out(paths.PREPARED))
    samples = [s for s in learnt if has_mask(masks, s) and s.name not in rejected]
    if supervision == FULL or not samples:  # without any mask there is no list of corrected ones
        trusted = {sample.name for sample in (*samples, *held) if has_mask(masks, sample)}
    else:
        trusted = set((masks / paths.BY_HAND).read_text(encoding="utf-8").splitlines())
    return MaskedSamples(manifest, samples, masks, trusted, held)


def new_net(params: Params, manifest: Manifest) -> SegmentationNet:
    """The untrained model; its encoder starts from `segmentation.weights`."""
    return make_segmentation_net(
        params.segmentation,
        SegmentationConfig(
            manifest.classes,
            params.working_side(),
            manifest.background,
            reading=manifest.reading,
            tile=params.tile_side(),
            weights_licence=weights_licence(params.segmentation.encoder, params.segmentation_start()),
        ),
        paths.CLASSIFIER / "model.safetensors",
        pretrained=params.segmentation_is_pretrained(),
    )


def training_work(stage: str, module: str, params: Params, supervision: str) -> Path:
    """The work folder of a training; its fingerprint covers everything that the training reads."""
    return network_work_folder(
        stage,
        module,
        seed=params.seed,
        long_side=params.working_side(),
        tile=params.tile_side(),
        params=params.segmentation.model_dump(exclude={"supervision"}),
        masks=paths.MASKS / supervision,
        classifier=paths.CLASSIFIER,
        classifier_weights=params.classifier.weights,
        weights=weights_file(params.segmentation.weights),
        held_out=sorted(read_held_out(paths.PREPARED)),
    )


def skip_training(supervision: str) -> None:
    """Write a note in the place of the model: there are no masks to train on."""
    masks = paths.MASKS / supervision
    note = f"train_segmentation@{supervision}: skipped, since {masks} has no mask of a training image"
    print(note)
    write_text(paths.SEGMENTATION / supervision / paths.SKIPPED, note + "\n")
    write_training(supervision, 0, [])


def write_training(supervision: str, images: int, curve: Sequence[Record]) -> None:
    """Write how many images the model was trained on, and the curve of its training."""
    folder = paths.REPORTS / "segmentation" / supervision
    write_json(folder / "metrics.json", {"images": images})
    write_curve(folder, curve)
