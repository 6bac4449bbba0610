"""Images per second of the mapper against the same batches at hand: what reading and writing cost a network.

    python -m benchmarks.mapping [--encoder tu-resnet10t] [--side 128] [--images 512] [--batch 1] [--rounds 3]

The scenes are rendered and the networks have random weights. The rows take turns in one process: the median
of the rounds counts. The mapper decodes, resizes, computes and writes; the other rows only compute.
"""

import argparse
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.timing import timed
from pipeline.base.files import write_bytes
from pipeline.classifier.network import make_classifier
from pipeline.data.images import mask_png
from pipeline.data.manifest import Manifest
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.device import autocast, device_name, pick_device, to_channels_last
from pipeline.engine.mapping import (
    Batch,
    ImagePass,
    fitting_batch_size,
    map_blocks,
    one_size_batches,
    read_batches,
    split_blocks,
)
from pipeline.params import Params, load_params
from pipeline.scenes.source import write_scenes
from pipeline.segmentation.network import SegmentationConfig, make_segmentation_net
from pipeline.workflows.prediction import prediction_pass


def main() -> None:
    """Time the passes and print them."""
    parser = argparse.ArgumentParser("benchmarks.mapping", description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default=load_params().classifier.encoder)
    parser.add_argument("--side", type=int, default=128, help="pixels of the networks")
    parser.add_argument("--image-side", type=int, default=160, help="pixels of the images on disk")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, help="images of a batch (default: as many as the stages take)")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    params, device = load_params(), pick_device()
    print(f"{device_name(device)}, {torch.get_num_threads()} threads, {given.images} x {given.side} pixels")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        update = {"train": given.images, "val": 0, "long_side": given.image_side}
        manifest = write_scenes(folder, folder / "masks", params.scenes.model_copy(update=update), 0)
        for work in (
            classifier_pass(manifest, params, given.encoder, given.side),
            segmentation_pass(manifest, params, given.encoder, given.side),
        ):
            work = replace(work, batch_size=given.batch or work.batch_size)
            rows = {"at hand": at_hand(work), "mapper": by_mapper(work, folder)}
            seconds = timed(rows, given.rounds, device)
            for row, taken in seconds.items():
                speed, share = given.images / taken, seconds["at hand"] / taken
                print(f"{work.description:14} {row:8} {speed:8.1f} images/s {share:.2f}", flush=True)


def classifier_pass(manifest: Manifest, params: Params, encoder: str, side: int) -> ImagePass[bytes]:
    """The pass of the classifier's scores."""
    section = params.classifier.model_copy(update={"encoder": encoder, "weights": "none"})
    device = pick_device()
    net = to_channels_last(make_classifier(section, manifest.classes), device).eval()

    def compute(batch: Batch) -> list[bytes]:
        with torch.inference_mode(), autocast(device):
            return [row.tobytes() for row in net(batch.views[0]).sigmoid().cpu().numpy()]

    return ImagePass("classifier", manifest, [side], fitting_batch_size([side]), compute)


def segmentation_pass(manifest: Manifest, params: Params, encoder: str, side: int) -> ImagePass[bytes]:
    """The pass of the evaluation; its masks are encoded in both rows."""
    section = params.segmentation.model_copy(update={"encoder": encoder, "weights": "none"})
    config = SegmentationConfig(manifest.classes, side)
    net = make_segmentation_net(section, config, Path(), pretrained=False).eval()
    fold_batch_norm(net)
    net = to_channels_last(net, pick_device())
    work = prediction_pass(net, manifest, params, lambda _, mask, __: mask_png(mask), "segmentation")
    return replace(work, compute=lambda batch: [mask for mask, _ in work.compute(batch)])


def at_hand(work: ImagePass[bytes]) -> Callable[[], None]:
    """The network alone, over the batches of the mapper."""
    blocks = split_blocks(work.manifest.samples)
    batches = [batch for block in blocks for batch in one_size_batches(block, work.batch_size)]
    ready = list(read_batches(work, batches))

    def run() -> None:
        for batch in ready:
            work.compute(batch)

    return run


def by_mapper(work: ImagePass[bytes], folder: Path) -> Callable[[], None]:
    """The whole way, from the files of the images to a file for each block."""
    turns = itertools.count()

    def run() -> None:
        out = folder / f"{work.description}-{next(turns)}"

        def write(number: int, results: dict[str, bytes]) -> None:
            write_bytes(out / str(number), b"".join(results.values()))

        map_blocks(work.manifest.samples, work, lambda _: False, write)

    return run


if __name__ == "__main__":
    main()
