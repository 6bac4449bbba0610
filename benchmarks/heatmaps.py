"""Heatmaps against bare forward passes and against other libraries.

    python -m benchmarks.heatmaps [--device cuda --bfloat16] [--sides 224 448] [--out heatmaps.json]

Prints a table, writes JSON. All rows of a network and size are timed in turns in one process: the median of
the rounds counts. torch-cam is compared with where it is installed (`pip install --no-deps torchcam`).
"""

import argparse
import itertools
import json
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torchvision import models

from pipeline.data.manifest import Manifest
from pipeline.data.resize import image_tensor
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.device import autocast, device_name, pick_device, to_channels_last, to_device
from pipeline.engine.mapping import one_size_batches, split_blocks
from pipeline.heatmaps import explain
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.dataset import HeatmapMaker, make_heatmaps
from pipeline.heatmaps.layers import find_target
from pipeline.heatmaps.multi_scale import normalise
from pipeline.params import HeatmapParams, Params, load_params
from pipeline.scenes.source import write_scenes

NETWORKS = {"resnet50": "layer4", "mobilenet_v2": "features"}
CLASSES = 20
TIMED_CLASSES = 4  # of pytorch-grad-cam asked for all of them
METHODS = ("cam", "gradcam", "gradcampp")
FOUR_SCALES = (1.0, 0.5, 1.5, 2.0)
IMAGES = 32  # of the pipeline's path with the networks above
STAGE_ROUNDS = 3  # of that path
MEMORY_IMAGES, MEMORY_WARM = 2000, 100

Result = dict[str, object]


def main() -> None:
    """Measure everything, print and write."""
    parser = argparse.ArgumentParser("benchmarks.heatmaps", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=str(pick_device()))
    parser.add_argument(
        "--bfloat16", action="store_true", help="run our rows and the forward passes under autocast"
    )
    parser.add_argument("--sides", type=int, nargs="+", default=[224, 448], help="pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks/heatmaps.json"))
    given = parser.parse_args()
    device = torch.device(given.device)
    results: list[Result] = [memory(device)]  # first: it reads the peak of the process
    print_result(results[0])
    for name, layer in NETWORKS.items():
        for side in given.sides:
            results.append(compare(name, layer, side, given, device))
            print_result(results[-1])
    params = load_params()
    results.append(pipeline_speed(params, device))
    print_result(results[-1])
    for name in NETWORKS:
        for side in given.sides:
            results.append(pipeline_speed(params_for(params, name, side, given.batch), device, IMAGES))
            print_result(results[-1])
    results.append(identities(device))
    print_result(results[-1])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cpu": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    given.out.write_text(
        json.dumps({"machine": machine, "device": device_name(device), "results": results}, indent=2) + "\n"
    )
    print(f"written: {given.out}")


def compare(name: str, layer: str, side: int, given: argparse.Namespace, device: torch.device) -> Result:
    """Images per second of every row for one network and size."""
    torch.manual_seed(0)
    net = to_channels_last(models.get_model(name, weights=None, num_classes=CLASSES).eval(), device)
    images = to_device(torch.rand(given.batch, 3, side, side), device)
    everything = [range(CLASSES)] * given.batch
    one = [[c % CLASSES] for c in range(given.batch)]
    target = find_target(net, images[:1], None)

    def forward() -> object:
        with torch.inference_mode(), autocast_if(given.bfloat16, device):
            return net(images)

    def all_maps() -> object:
        with autocast_if(given.bfloat16, device):
            return class_maps(net, images, everything, METHODS, target)

    def all_heatmaps() -> object:
        with autocast_if(given.bfloat16, device):
            return explain(net, images, everything, method=METHODS)

    def one_heatmap() -> object:
        with autocast_if(given.bfloat16, device):
            return explain(net, images, one, method="gradcam", layer=layer)

    rows: dict[str, Callable[[], object]] = {
        "forward": forward,
        "all classes, 3 methods": all_maps,
        "all classes, 3 methods, at full size": all_heatmaps,
        "one class, Grad-CAM": one_heatmap,
        "one class, Grad-CAM: pytorch-grad-cam": lambda: grad_cam(net, layer, images, one),
    }
    if find_spec("torchcam"):
        rows["one class, Grad-CAM: torch-cam"] = torch_cam(net, layer, images, one)
    seconds = timed(rows, given.rounds, device)
    some = once(lambda: grad_cam_some(net, layer, images), device)
    name_all = "all classes, Grad-CAM and Grad-CAM++: pytorch-grad-cam"
    seconds[name_all] = some * CLASSES / TIMED_CLASSES  # one class after the other: each costs the same
    return {
        "network": name,
        "side": side,
        "images_per_second": {k: given.batch / s for k, s in seconds.items()},
    }


def autocast_if(wanted: bool, device: torch.device) -> torch.autocast:
    """bfloat16 autocast, or none."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def grad_cam(net: nn.Module, layer: str, images: Tensor, classes: Sequence[Sequence[int]]) -> object:
    """pytorch-grad-cam, one class per image."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with GradCAM(net, [net.get_submodule(layer)]) as cam:
        return cam(images, [ClassifierOutputTarget(present[0]) for present in classes])


def grad_cam_some(net: nn.Module, layer: str, images: Tensor) -> None:
    """pytorch-grad-cam, `TIMED_CLASSES` classes by two methods (it has no CAM)."""
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    for method in (GradCAM, GradCAMPlusPlus):
        with method(net, [net.get_submodule(layer)]) as cam:
            for index in range(TIMED_CLASSES):
                cam(images, [ClassifierOutputTarget(index)] * len(images))


def torch_cam(
    net: nn.Module, layer: str, images: Tensor, classes: Sequence[Sequence[int]]
) -> Callable[[], object]:
    """torch-cam, one class per image; its maps stay at the size of the layer."""
    from torchcam.methods import GradCAM

    def run() -> object:
        with GradCAM(net, layer) as cam:
            scores = net(images)
            return cam([present[0] for present in classes], scores)

    return run


def timed(rows: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds of each row, in turns, after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(rounds + 1):
        for name, run in rows.items():
            taken = once(run, device)
            if turn:
                seconds[name].append(taken)
    return {name: median(values) for name, values in seconds.items()}


def once(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, the device's work included."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def params_for(params: Params, encoder: str, side: int, batch: int) -> Params:
    """`params` for scenes of the size of images, with four scales."""
    return params.model_copy(
        update={
            "data": params.data.model_copy(update={"long_side": side}),
            "scenes": params.scenes.model_copy(update={"long_side": side}),
            "classifier": params.classifier.model_copy(update={"encoder": encoder, "weights": "none"}),
            "heatmaps": params.heatmaps.model_copy(update={"scales": FOUR_SCALES, "batch_size": batch}),
        }
    )


def pipeline_speed(
    params: Params, device: torch.device, count: int = 200, rounds: int = STAGE_ROUNDS
) -> Result:
    """The stage's own path, decode to store, with and without the walk, against bare forward passes.

    Those are of the network as it was trained, and as the stage uses it, with its BatchNorm folded. All take
    turns, and the median of the rounds counts, after one round that does not: single runs on one machine
    differ by a quarter.
    """
    from pipeline.classifier.network import make_classifier

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("prepared", "masks"):
            (folder / part).mkdir()
        scenes = params.scenes.model_copy(update={"train": count, "val": 1, "empty_share": 0.0})
        manifest = write_scenes(folder / "prepared", folder / "masks", scenes, 0)
        trained = make_classifier(params.classifier, manifest.classes).eval()
        net = deepcopy(trained)
        fold_batch_norm(net.encoder)
        to_channels_last(trained, device)
        to_channels_last(net, device)
        target = find_target(net, to_device(torch.rand(1, 3, 64, 96), device), None)
        turns = itertools.count()

        def stage(heatmaps: HeatmapParams) -> None:
            fresh = folder / f"heatmaps-{next(turns)}"
            out = {method: fresh / method for method in heatmaps.methods}
            side, train = params.data.long_side, manifest.split("train")
            make_heatmaps(HeatmapMaker(net, target, net.encoder, heatmaps, side), manifest, train, out)

        still = params.heatmaps.walk.model_copy(update={"restart": 1.0})
        rows: dict[str, Callable[[], object]] = {
            "forward": bare_passes(trained, manifest, params.heatmaps, params.data.long_side, device),
            "forward, folded": bare_passes(net, manifest, params.heatmaps, params.data.long_side, device),
            "decode, scales and flip, store": lambda: stage(
                params.heatmaps.model_copy(update={"walk": still})
            ),
            "the same with the walk": lambda: stage(params.heatmaps),
        }
        seconds = timed(rows, rounds, device)
        size = sum(file.stat().st_size for file in (folder / "heatmaps-0").rglob("*.safetensors"))
    return {
        "network": params.classifier.encoder,
        "side": params.data.long_side,
        "scales": list(params.heatmaps.scales),
        "images_per_second": {row: count / taken for row, taken in seconds.items()},
        "kB_per_image": size / 1e3 / count,
    }


def bare_passes(
    net: nn.Module, manifest: Manifest, params: HeatmapParams, long_side: int, device: torch.device
) -> Callable[[], None]:
    """The forward passes alone: same batches, scales and flips, tensors at hand."""
    blocks = split_blocks([sample for sample in manifest.split("train") if sample.labels])
    batches = [batch for block in blocks for batch in one_size_batches(block, params.batch_size)]
    sides = [max(32, round(scale * long_side)) for scale in params.scales]
    tensors = [
        to_device(torch.stack([image_tensor(manifest.image(s), side) for s in batch]), device)
        for batch in batches
        for side in sides
    ]
    views = 2 if params.flip else 1

    def run() -> None:
        with torch.inference_mode(), autocast(device):
            for images in tensors:
                for _ in range(views):
                    net(images)

    return run


def identities(device: torch.device) -> Result:
    """Largest differences between methods that agree on a GAP + FC head, of maps scaled to 1."""
    torch.manual_seed(0)
    net = to_channels_last(models.resnet18(weights=None, num_classes=CLASSES).eval(), device)
    images = to_device(torch.rand(4, 3, 224, 288), device)
    names = ["cam", "gradcam", "xgradcam", "hirescam", "layercam", "gradcampp"]
    everything = [range(CLASSES)] * len(images)

    def maps_at(layer: nn.Module | None, methods: list[str]) -> dict[str, Tensor]:
        target = find_target(net, images[:1], layer)
        maps = class_maps(net, images, everything, methods, target).maps
        return {method: normalise(heat.relu()) for method, heat in maps.items()}

    def largest(first: Tensor, second: Tensor) -> float:
        return float((first - second).abs().max())

    maps = maps_at(None, names)
    # As if nothing were known of the head: the gradient of the feature map itself, cell by cell.
    cellwise = maps_at(net.layer4, names[1:])
    found = {f"{name} - cam": largest(maps[name], maps["cam"]) for name in names[1:]}
    found |= {f"{name}, cell by cell": largest(maps[name], cellwise[name]) for name in names[1:]}
    return {"network": "resnet18", "largest_differences": found}


def memory(device: torch.device) -> Result:
    """Peak of the resident memory after some images and after many."""
    torch.manual_seed(0)
    net = to_channels_last(models.mobilenet_v2(weights=None, num_classes=CLASSES).eval(), device)
    found: dict[int, float] = {}
    for done in range(8, MEMORY_IMAGES + 8, 8):
        explain(net, to_device(torch.rand(8, 3, 96, 128), device), [[0, 1]] * 8, method=METHODS)
        found[done] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    first = next(mb for done, mb in found.items() if done >= MEMORY_WARM)
    last = found[max(found)]
    return {
        "network": "mobilenet_v2",
        f"MB_after_{MEMORY_WARM}": first,
        f"MB_after_{MEMORY_IMAGES}": last,
        "growth": last / first - 1,
    }


def print_result(result: Result) -> None:
    """One table, with each row as a share of the forward passes."""
    print("  ".join(f"{key} {value}" for key, value in result.items() if key != "images_per_second"))
    speeds = result.get("images_per_second")
    if isinstance(speeds, dict):
        for name, speed in speeds.items():
            print(f"  {name:58} {speed:9.2f} images/s  {speed / speeds['forward']:7.3f} of forward")
    print(flush=True)


if __name__ == "__main__":
    main()
