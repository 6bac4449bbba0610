"""Train the segmentation model on the masks of one supervision: pseudo-masks, or ground truth (`full`)."""

from pipeline import paths
from pipeline.base.work_folder import publish
from pipeline.data.manifest import read_manifest
from pipeline.engine.processes import group
from pipeline.engine.random_seed import seed_everything
from pipeline.params import load_params
from pipeline.segmentation.network import save_segmentation_net
from pipeline.segmentation.segmentation_training import train_segmentation
from pipeline.stages.running import run_stage
from pipeline.workflows.segmentation_training_files import (
    masked_samples,
    new_net,
    skip_training,
    training_work,
    write_training,
)

NAME = "train_segmentation"


def main(supervision: str) -> None:
    """Read `data/prepared` and `data/masks/SUPERVISION`, write `models/segmentation/SUPERVISION`."""
    name = f"{NAME}@{supervision}"
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    masked = masked_samples(manifest, supervision)
    if not masked.samples:
        group().keep(1)
        return skip_training(supervision)
    seed_everything(params.seed)
    net = new_net(params, manifest)
    work = training_work(name, __file__, params, supervision)
    curve = train_segmentation(net, masked, params, work / "checkpoint.pt", name)
    group().keep(1)
    save_segmentation_net(work / "model", net)
    write_training(supervision, len(masked.samples), curve)
    publish(name, {work / "model": paths.SEGMENTATION / supervision})


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
