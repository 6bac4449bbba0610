"""Score a segmentation model on `val`, at the size of the photos and without their labels."""

import sys

from pipeline import paths
from pipeline.base.files import note_if_empty, renew
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.stages.running import stage
from pipeline.workflows.evaluation import predict_val, score_val


def main(supervision: str) -> None:
    """Read `models/segmentation/SUPERVISION`, write `data/predictions/...` and `reports/evaluation/...`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    renew(paths.PREDICTIONS / supervision)
    if not (paths.SEGMENTATION / supervision / paths.SKIPPED).exists():
        predict_val(supervision, manifest, params.evaluation, params.pseudo_masks.crf)
    score_val(supervision, manifest, params.evaluation)
    note_if_empty(paths.PREDICTIONS / supervision, "There is no model to predict with.")


if __name__ == "__main__":
    with stage(f"evaluate@{sys.argv[1]}"):
        main(sys.argv[1])
