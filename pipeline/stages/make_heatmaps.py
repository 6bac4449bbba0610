"""Heatmaps of the training images by every method, from one forward pass per scale and flip."""

from pipeline import paths
from pipeline.base.work_folder import publish
from pipeline.classifier.network import load_classifier
from pipeline.data.manifest import read_manifest
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.processes import group
from pipeline.heatmaps.cell_evidence import measure_evidence
from pipeline.heatmaps.dataset import HeatmapMaker, make_heatmaps
from pipeline.heatmaps.evidence import write_evidence
from pipeline.heatmaps.walk_features import make_walk_features
from pipeline.params import load_params, weights_file
from pipeline.stages.running import run_stage
from pipeline.workflows.classifier_target import classifier_target
from pipeline.workflows.network_work_folder import network_work_folder
from pipeline.workflows.object_size import tells_sizes

NAME = "make_heatmaps"


def main() -> None:
    """Read `data/prepared` and `models/classifier`, write `data/heatmaps/METHOD`."""
    params = load_params()
    section, long_side, tile = params.heatmaps, params.working_side(), params.tile_side()
    manifest = read_manifest(paths.PREPARED)
    net = load_classifier(paths.CLASSIFIER).averaged()
    fold_batch_norm(net.encoder)
    to_channels_last(net, pick_device())
    work = network_work_folder(
        NAME,
        __file__,
        params=section,
        long_side=long_side,
        tile=tile,
        classifier=paths.CLASSIFIER,
        weights=weights_file(section.walk.weights),
    )
    folders = {str(method): work / method for method in section.methods}
    train = manifest.split("train")
    if tells_sizes(manifest, section.objects) and group().rank == 0:
        write_evidence(folders.values(), measure_evidence(net, manifest, train, section, long_side))
    target, background = classifier_target(net), manifest.background
    features = make_walk_features(section.walk)
    if features is not None:
        to_channels_last(features, pick_device())
    maker = HeatmapMaker(net, target, net.encoder, section, long_side, background, tile, features)
    make_heatmaps(maker, manifest, train, folders)
    size = sum(file.stat().st_size for file in work.rglob("*.safetensors"))
    print(f"{NAME}: {size / 1e6:.1f} MB for {len(train)} images, {size / 1e3 / len(train):.1f} kB per image")
    publish(NAME, {folder: paths.HEATMAPS / method for method, folder in folders.items()})


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
