"""A self-training round: masks of the training images by a segmentation model, within their labels."""

from pipeline import paths
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params, method_of, model_before
from pipeline.stages.running import run_stage
from pipeline.workflows.network_work_folder import network_work_folder
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat
from pipeline.workflows.pseudo_masks import make_masks
from pipeline.workflows.refinement import checked_segments, of_rounds, read_choice
from pipeline.workflows.self_training import predict_training_images, predicted_heat

NAME = "self_train"


def main(masks: str) -> None:
    """Read the model of the round before, write `data/masks/MASKS` and `reports/pseudo_masks/MASKS`."""
    name = f"{NAME}@{masks}"
    params = load_params()
    section, tiles = params.self_training, params.data.tiles
    before, chosen = model_before(masks), read_choice(model_before(masks))
    masking = of_rounds(params.pseudo_masks, chosen.refine)
    judge = ThresholdedHeat(paths.HEATMAPS / method_of(masks), chosen.confidence_threshold)
    manifest, model = read_manifest(paths.PREPARED), paths.SEGMENTATION / before
    train = manifest.split("train")
    work = network_work_folder(
        name,
        __file__,
        params=section,
        masking=masking,
        tiles=tiles,
        segments=checked_segments(masking, train),
        model=model,
        heatmaps=judge.folder,
        confidence_threshold=judge.threshold,
        corrected=paths.CORRECTED,
        ground_truth=paths.GROUND_TRUTH,
    )
    predictions = predicted_heat(work / "heat", manifest)
    predict_training_images(model, manifest, [s for s in train if s.labels], section, predictions.folder)
    job = PseudoMaskJob(manifest.without_samples(), predictions, judge, work, masking, tiles=tiles)
    make_masks(name, masks, job, train)


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
