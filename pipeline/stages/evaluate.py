"""Predictions of a segmentation model on `evaluation.split`, made without labels, and their scores."""

from pipeline import paths
from pipeline.base.files import note_if_empty
from pipeline.base.work_folder import publish
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.stages.running import run_stage
from pipeline.workflows.evaluation import evaluate
from pipeline.workflows.network_work_folder import network_work_folder

NAME = "evaluate"


def main(supervision: str) -> None:
    """Read `models/segmentation/SUPERVISION`, write `data/predictions/...` and `reports/evaluation/...`."""
    name = f"{NAME}@{supervision}"
    params = load_params()
    manifest, model = read_manifest(paths.PREPARED), paths.SEGMENTATION / supervision
    section, tiles = params.evaluation, params.data.tiles
    work = network_work_folder(
        name,
        __file__,
        params=section,
        crf=params.pseudo_masks.crf,
        par=params.pseudo_masks.par,
        segments=params.pseudo_masks.segments,
        tiles=tiles,
        model=model,
        ground_truth=paths.GROUND_TRUTH,
    )
    evaluate(supervision, manifest, params, work)
    note_if_empty(work / "masks", "There is no model to predict with.")
    publish(name, {work / "masks": paths.PREDICTIONS / supervision})


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
