"""Train the segmentation model on the pseudo-masks of a method, or on the ground-truth masks (`full`)."""

import sys

from pipeline import paths
from pipeline.base.work import publish, work_folder
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import device_name, pick_device
from pipeline.engine.seed import seed_everything
from pipeline.params import load_params
from pipeline.segmentation.network import save_segmentation_net
from pipeline.segmentation.segmentation_training import MaskedSamples, train_segmentation
from pipeline.stages.running import stage
from pipeline.workflows.supervision import (
    new_net,
    samples_with_mask,
    skip_training,
    trusted_names,
    write_training,
)


def main(supervision: str) -> None:
    """Read `data/prepared` and `data/masks/SUPERVISION`, write `models/segmentation/SUPERVISION`."""
    name = f"train_segmentation@{supervision}"
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    masks = paths.MASKS / supervision
    samples = samples_with_mask(manifest, masks)
    if not samples:
        return skip_training(supervision)
    seed_everything(params.seed)
    net = new_net(params, manifest.classes)
    section = params.segmentation.model_dump(exclude={"supervision"})
    work = work_folder(
        name,
        __file__,
        seed=params.seed,
        classifier_weights=params.classifier.weights,
        long_side=params.data.long_side,
        params=section,
        device=device_name(pick_device()),
        manifest=paths.PREPARED / "manifest.json",
        masks=masks,
        classifier=paths.CLASSIFIER,
    )
    given = MaskedSamples(manifest, samples, masks, trusted_names(supervision, samples))
    curve = train_segmentation(net, given, params, work / "checkpoint.pt", name)
    save_segmentation_net(work / "model", net)
    write_training(supervision, len(samples), curve)
    publish(name, {work / "model": paths.SEGMENTATION / supervision})


if __name__ == "__main__":
    with stage(f"train_segmentation@{sys.argv[1]}"):
        main(sys.argv[1])
