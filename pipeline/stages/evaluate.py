"""Predictions of a segmentation model on `evaluation.split`, made without labels, and their scores."""

from pipeline import paths
from pipeline.base.files import note_if_empty, recreate_dir
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.stages.running import run_stage
from pipeline.workflows.evaluation import evaluate


def main(supervision: str) -> None:
    """Read `models/segmentation/SUPERVISION`, write `data/predictions/...` and `reports/evaluation/...`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    predictions = paths.PREDICTIONS / supervision
    recreate_dir(predictions)
    evaluate(supervision, manifest, params)
    note_if_empty(predictions, "There is no model to predict with.")


if __name__ == "__main__":
    run_stage("evaluate", main)
