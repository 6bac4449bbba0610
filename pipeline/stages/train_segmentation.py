"""Train the segmentation model on the pseudo-masks of a method, or on the true masks (`full`)."""

import sys
from collections.abc import Sequence

from pipeline import paths
from pipeline.base.files import write_csv, write_text
from pipeline.base.work import publish, work_folder
from pipeline.data.manifest import Sample, mask_path, read_manifest
from pipeline.engine.device import describe, pick_device
from pipeline.engine.seed import seed_everything
from pipeline.params import FULL, load_params
from pipeline.segmentation.network import SegmentationConfig, make_segmentation_net, save_segmentation_net
from pipeline.segmentation.segmentation_training import MaskedSamples, train_segmentation
from pipeline.stages.running import stage


def main(supervision: str) -> None:
    """Read `data/prepared` and `data/masks/SUPERVISION`, write `models/segmentation/SUPERVISION`."""
    name = f"train_segmentation@{supervision}"
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    masks = paths.MASKS / supervision
    samples = [s for s in manifest.split("train") if mask_path(masks, s).exists()]
    curve_file = paths.REPORTS / "segmentation" / supervision / "curve.csv"
    if not samples:
        note = f"{name}: skipped, since {masks} has no mask of a training image"
        print(note)
        write_text(paths.SEGMENTATION / supervision / paths.SKIPPED, note + "\n")
        write_csv(curve_file, ("step", "loss", "lr"), [])
        return
    seed_everything(params.seed)
    config = SegmentationConfig(manifest.classes, params.data.long_side)
    net = make_segmentation_net(
        params.segmentation,
        config,
        paths.CLASSIFIER / "model.safetensors",
        pretrained=params.segmentation_is_pretrained(),
    )
    section = params.segmentation.model_dump(exclude={"supervision"})
    work = work_folder(
        name,
        __file__,
        seed=params.seed,
        classifier_weights=params.classifier.weights,
        long_side=params.data.long_side,
        params=section,
        device=describe(pick_device()),
        manifest=paths.PREPARED / "manifest.json",
        masks=masks,
        classifier=paths.CLASSIFIER,
    )
    given = MaskedSamples(manifest, samples, masks, trusted_names(supervision, samples))
    curve = train_segmentation(net, given, params, work / "checkpoint.pt", name)
    save_segmentation_net(work / "model", net)
    write_csv(curve_file, ("step", "loss", "lr"), curve)
    publish(name, {work / "model": paths.SEGMENTATION / supervision})


def trusted_names(supervision: str, samples: Sequence[Sample]) -> set[str]:
    """The samples whose mask is true: of `full` all of them, of pseudo-masks those that a human made."""
    if supervision == FULL:
        return {sample.name for sample in samples}
    return set((paths.MASKS / supervision / paths.BY_HAND).read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    with stage(f"train_segmentation@{sys.argv[1]}"):
        main(sys.argv[1])
