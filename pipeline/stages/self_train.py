"""A round of self-training: masks of the training images by a segmentation model, within their labels."""

import sys

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import device_name, pick_device
from pipeline.masks.threshold import normalised_odds
from pipeline.params import load_params, model_before
from pipeline.stages.running import stage
from pipeline.workflows.masking_job import MaskingJob, ThresholdedHeat
from pipeline.workflows.pseudo_masks import make_masks
from pipeline.workflows.self_training import THRESHOLD, first_heat, predict_training_images


def main(masks: str) -> None:
    """Read the model of the round before, write `data/masks/MASKS` and `reports/pseudo_masks/MASKS`."""
    name = f"self_train@{masks}"
    params = load_params()
    manifest, model = read_manifest(paths.PREPARED), paths.SEGMENTATION / model_before(masks)
    work = work_folder(
        name,
        __file__,
        params=params.self_training,
        masking=params.pseudo_masks,
        device=device_name(pick_device()),
        manifest=paths.PREPARED / "manifest.json",
        model=model,
        corrected=paths.CORRECTED,
    )
    train, heat = manifest.split("train"), work / "heat"
    predict_training_images(model, manifest, [s for s in train if s.labels], params.self_training, heat)
    job = MaskingJob(
        manifest.without_samples(),
        ThresholdedHeat(heat, THRESHOLD, normalised_odds),
        first_heat(masks, params.pseudo_masks, train, len(manifest.classes) + 1),
        work,
        params.pseudo_masks,
    )
    make_masks(name, masks, job, train)


if __name__ == "__main__":
    with stage(f"self_train@{sys.argv[1]}"):
        main(sys.argv[1])
