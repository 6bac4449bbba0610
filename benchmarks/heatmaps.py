"""Heatmaps against bare forward passes and against other libraries.

    python -m benchmarks.heatmaps [--device cuda --bfloat16] [--sides 224 448] [--out heatmaps.json]

Prints a table, writes JSON. All rows of a network and size are timed in turns in one process: the median of
the rounds counts. torch-cam is compared with where it is installed (`pip install --no-deps torchcam`).
"""

import argparse
import json
import platform
import resource
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models

from benchmarks.heatmap_stage import params_for, stage_speed
from benchmarks.timing import once, timed
from pipeline.engine.device import device_name, pick_device, to_channels_last, to_device
from pipeline.heatmaps import explain
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.layers import find_target
from pipeline.heatmaps.multi_scale import normalise
from pipeline.params import load_params

NETWORKS = {"resnet50": "layer4", "mobilenet_v2": "features"}
CLASSES = 20
TIMED_CLASSES = 4  # of pytorch-grad-cam asked for all of them
METHODS = ("cam", "gradcam", "gradcampp")
IMAGES = 32  # of the pipeline's path with the networks above
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
    results.append(stage_speed(params, device))
    print_result(results[-1])
    for name in NETWORKS:
        for side in given.sides:
            results.append(stage_speed(params_for(params, name, side, given.batch), device, IMAGES))
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
