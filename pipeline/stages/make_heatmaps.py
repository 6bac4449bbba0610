"""Heatmaps of the training images by every method, from one forward pass per scale and flip."""

from pipeline import paths
from pipeline.base.work import publish, work_folder
from pipeline.classifier.network import load_classifier
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import device_name, pick_device, to_channels_last
from pipeline.engine.folding import fold_batch_norm
from pipeline.heatmaps.dataset import HeatmapMaker, make_heatmaps
from pipeline.heatmaps.layers import TargetLayer
from pipeline.params import load_params
from pipeline.stages.running import stage

NAME = "make_heatmaps"


def main() -> None:
    """Read `data/prepared` and `models/classifier`, write `data/heatmaps/METHOD`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    device = pick_device()
    net = load_classifier(paths.CLASSIFIER)
    fold_batch_norm(net.encoder)
    to_channels_last(net, device)
    work = work_folder(
        NAME,
        __file__,
        params=params.heatmaps,
        long_side=params.data.long_side,
        device=device_name(device),
        manifest=paths.PREPARED / "manifest.json",
        classifier=paths.CLASSIFIER,
    )
    folders = {str(method): work / method for method in params.heatmaps.methods}
    train = manifest.split("train")
    target = TargetLayer(net.pool, "input", pooled=net.fc, linear_head=True)
    maker = HeatmapMaker(net, target, net.encoder, params.heatmaps, params.data.long_side)
    make_heatmaps(maker, manifest, train, folders)
    size = sum(file.stat().st_size for file in work.rglob("*.safetensors"))
    print(f"{NAME}: {size / 1e6:.1f} MB for {len(train)} images, {size / 1e3 / len(train):.1f} kB per image")
    publish(NAME, {folder: paths.HEATMAPS / method for method, folder in folders.items()})


if __name__ == "__main__":
    with stage(NAME):
        main()
