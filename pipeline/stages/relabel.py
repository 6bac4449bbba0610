"""Training images labelled anew: what a segmentation model says, within their image-level labels."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.engine.device import describe, pick_device, place
from pipeline.heatmaps.store import shard_file, write_index, write_shard
from pipeline.masks.threshold import odds_competition
from pipeline.params import RELABELLED, RelabelParams, load_params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.segmentation.prediction import predict_heat
from pipeline.stages.running import stage
from pipeline.workflows.pseudo_masks import Job, make_masks

SHARD = 64  # images that are stored, and after an interruption done again, together
THRESHOLD = 0.5  # above it a label is more probable than the background


def main(supervision: str) -> None:
    """Read `models/segmentation/SUPERVISION`, write masks and scores of `SUPERVISION-relabelled`."""
    name = f"relabel@{supervision}"
    params = load_params()
    manifest, model = read_manifest(paths.PREPARED), paths.SEGMENTATION / supervision
    work = work_folder(
        name,
        __file__,
        params=params.relabel,
        masking=params.pseudo_masks,
        device=describe(pick_device()),
        manifest=paths.PREPARED / "manifest.json",
        model=model,
        corrected=paths.CORRECTED,
    )
    train, heat = manifest.split("train"), work / "heat"
    predict_all(model, manifest, [s for s in train if s.labels], params.relabel, heat)
    job = Job(manifest.without_samples(), heat, work, params.pseudo_masks, THRESHOLD, odds_competition)
    make_masks(name, supervision + RELABELLED, job, train)


def predict_all(
    model: Path, manifest: Manifest, samples: Sequence[Sample], params: RelabelParams, folder: Path
) -> None:
    """Store what the model says of each image's labels, as if it were heat; shards that are there stay."""
    net = place(load_segmentation_net(model), pick_device())
    shards = [samples[start : start + SHARD] for start in range(0, len(samples), SHARD)]
    with tqdm(total=len(samples), desc="relabel", unit="image") as bar:
        for number, shard in enumerate(shards):
            if not shard_file(folder, number).exists():
                heat = {
                    s.name: predict_heat(net, manifest.image(s), s.labels, params.scales, flip=params.flip)
                    for s in shard
                }
                write_shard(folder, number, heat)
            bar.update(len(shard))
    write_index(folder, [[sample.name for sample in shard] for shard in shards])


if __name__ == "__main__":
    with stage(f"relabel@{sys.argv[1]}"):
        main(sys.argv[1])
