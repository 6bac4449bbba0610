"""Heatmaps of the training images by every method, from one forward pass per scale and flip."""

from pipeline import paths
from pipeline.base.work_folder import publish
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params, weights_file
from pipeline.stages.running import run_stage
from pipeline.workflows.network_work_folder import network_work_folder
from pipeline.workflows.training_heatmaps import write_heatmaps

NAME = "make_heatmaps"


def main() -> None:
    """Read `data/prepared` and `models/classifier`, write `data/heatmaps/METHOD`."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    work = network_work_folder(
        NAME,
        __file__,
        params=params.heatmaps,
        long_side=params.working_side(),
        tile=params.tile_side(),
        classifier=paths.CLASSIFIER,
        weights=weights_file(params.heatmaps.walk.weights),
    )
    folders = write_heatmaps(manifest, params, work)
    size = sum(file.stat().st_size for file in work.rglob("*.safetensors"))
    images = len(manifest.split("train"))
    print(f"{NAME}: {size / 1e6:.1f} MB for {images} images, {size / 1e3 / images:.1f} kB per image")
    publish(NAME, {folder: paths.HEATMAPS / method for method, folder in folders.items()})


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
