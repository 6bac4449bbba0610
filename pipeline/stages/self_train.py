"""A self-training round: masks of the training images by a segmentation model, within their labels."""

from pipeline import paths
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params, method_of, model_before
from pipeline.stages.running import run_stage
from pipeline.workflows.heatmap_threshold import thresholded_heatmaps
from pipeline.workflows.network_work_folder import network_work_folder
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.pseudo_masks import make_masks
from pipeline.workflows.refinement import checked_segments, of_rounds, with_refinement
from pipeline.workflows.self_training import predict_training_images, predicted_heat

NAME = "self_train"


def main(masks: str) -> None:
    """Read the model of the round before, write `data/masks/MASKS` and `reports/pseudo_masks/MASKS`."""
    name = f"{NAME}@{masks}"
    params = load_params()
    section, tiles = params.self_training, params.data.tiles
    masking = of_rounds(with_refinement(params.pseudo_masks, paths.HEATMAPS / method_of(masks)))
    manifest, model = read_manifest(paths.PREPARED), paths.SEGMENTATION / model_before(masks)
    train = manifest.split("train")
    work = network_work_folder(
        name,
        __file__,
        params=section,
        masking=masking,
        tiles=tiles,
        segments=checked_segments(masking, train),
        model=model,
        corrected=paths.CORRECTED,
    )
    predictions = predicted_heat(work / "heat", manifest)
    predict_training_images(model, manifest, [s for s in train if s.labels], section, predictions.folder)
    judge = thresholded_heatmaps(masks, masking, manifest, params.heatmaps.objects)
    job = PseudoMaskJob(manifest.without_samples(), predictions, judge, work, masking, tiles=tiles)
    make_masks(name, masks, job, train)


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
