"""Training images labelled anew: what a segmentation model says, within their image-level labels."""

import sys

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import describe, pick_device
from pipeline.masks.threshold import odds_competition
from pipeline.params import RELABELLED, load_params
from pipeline.stages.running import stage
from pipeline.workflows.pseudo_masks import Job, make_masks
from pipeline.workflows.self_training import THRESHOLD, predict_all


def main(supervision: str) -> None:
    """Read `models/segmentation/SUPERVISION`, write masks and scores of `SUPERVISION-relabelled`."""
    name = f"relabel@{supervision}"
    params = load_params()
    manifest, model = read_manifest(paths.PREPARED), paths.SEGMENTATION / supervision
    work = work_folder(
        name,
        params.relabel,
        params.pseudo_masks,
        describe(pick_device()),
        paths.PREPARED / "manifest.json",
        model,
        paths.CORRECTED,
    )
    train, heat = manifest.split("train"), work / "heat"
    predict_all(model, manifest, [s for s in train if s.labels], params.relabel, heat)
    job = Job(manifest.without_samples(), heat, work, params.pseudo_masks, THRESHOLD, odds_competition)
    make_masks(name, supervision + RELABELLED, job, train)


if __name__ == "__main__":
    with stage(f"relabel@{sys.argv[1]}"):
        main(sys.argv[1])
