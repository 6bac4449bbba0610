"""The work of `camseg explain`."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipeline.base.files import write_npz
from pipeline.commands.models import LoadedClassifier, load_named_classifier
from pipeline.data.images import ImageArray, ImageError, read_image, write_image
from pipeline.data.resize import image_tensor, resize
from pipeline.engine.device import pick_device
from pipeline.errors import UserError
from pipeline.heatmaps import explain
from pipeline.heatmaps.layers import find_target, named_layer
from pipeline.heatmaps.library import library_names
from pipeline.params import HeatmapMethod
from pipeline.report.overlay import draw_heat
from pipeline.report.panel import draw_grid
from pipeline.report.tiles import Tile, shrink_image

DEFAULT = ("cam", "gradcam", "gradcampp", "layercam")  # cam only where the head allows
SIX = ("gradcam", "scorecam", "gradcampp", "ablationcam", "xgradcam", "eigencam")


def explain_images(arguments: argparse.Namespace) -> int:
    """Explain every image; 1 if one could not be read."""
    named = named_methods(arguments.methods) if arguments.methods else None
    classifier = load_named_classifier(arguments.model, arguments.weights)
    device = pick_device()
    classifier.net.to(device)
    long_side = classifier.long_side if arguments.long_side is None else arguments.long_side
    layer = named_layer(classifier.named, arguments.layer) if arguments.layer else None
    folders = output_folders(arguments.images, arguments.out)
    broken = 0
    for path, folder in tqdm(folders.items(), "explain", unit="image"):
        try:
            image = read_image(path)
        except (ImageError, OSError) as error:
            tqdm.write(f"skipped: {error}", file=sys.stderr)
            broken += 1
            continue
        pixels = image_tensor(image, long_side)[None].to(device)
        with torch.inference_mode():
            scores = classifier.scores(classifier.net(pixels))[0].cpu()
        classes = wanted_classes(arguments.classes, classifier, scores)
        methods = named or default_methods(classifier, pixels, layer)
        heatmaps = explain(classifier.net, pixels, [classes], layer=layer, method=methods)
        captions = [f"{classifier.classes[c]} {scores[c]:.2f}" for c in classes]
        found = {method: heat[0].cpu() for method, heat in heatmaps.items()}
        write_heatmap_images(folder, image, found, [classifier.classes[c] for c in classes], captions)
        if arguments.npz:
            names = np.array([classifier.classes[c] for c in classes])
            write_npz(folder / "heatmaps.npz", {"classes": names} | {m: h.numpy() for m, h in found.items()})
    print(f"{len(folders) - broken} image(s) explained in {arguments.out}, {broken} skipped")
    return 1 if broken else 0


def output_folders(images: Sequence[Path], out: Path) -> dict[Path, Path]:
    """A folder for each path, named after it; numbered where two images have one name."""
    distinct = list(dict.fromkeys(images))
    names = distinct_names(path.stem for path in distinct)
    return {path: out / name for path, name in zip(distinct, names, strict=True)}


def distinct_names(wanted: Iterable[str]) -> list[str]:
    """The names in their order, with a number behind those that would overwrite another one.

    Large and small letters count the same, as they do on some disks.
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in wanted:
        free, number = name, 2
        while free.casefold() in taken:
            free, number = f"{name}-{number}", number + 1
        taken.add(free.casefold())
        found.append(free)
    return found


def wanted_classes(wanted: str, classifier: LoadedClassifier, scores: Tensor) -> list[int]:
    """Class indices of `topN` or of names.

    Raises:
        ValueError: the model has no such class.
    """
    if top := re.fullmatch(r"top(\d+)", wanted):
        return [int(c) for c in scores.argsort(descending=True)[: max(1, int(top[1]))]]
    found = []
    for name in dict.fromkeys(part.strip() for part in wanted.split(",")):
        if name not in classifier.classes:
            near = get_close_matches(name, classifier.classes, 5, 0.4) or classifier.classes[:5]
            raise UserError(f"--classes: the model has no class {name!r}; near: {', '.join(near)}")
        found.append(classifier.classes.index(name))
    return found


def named_methods(wanted: str) -> list[str]:
    """The methods of a list with commas, in which `six` stands for six of them.

    Raises:
        ValueError: there is no such method, or its package is not installed.
    """
    parts = [part.strip() for part in wanted.split(",")]
    names = list(dict.fromkeys(name for part in parts for name in (SIX if part == "six" else [part])))
    own = get_args(HeatmapMethod)
    for name in names:
        if name not in own and name not in library_names():
            known = ", ".join(("six", *own, *library_names()))
            raise UserError(f"--methods: expected some of {known}, got {name!r}")
    return names


def default_methods(classifier: LoadedClassifier, pixels: Tensor, layer: torch.nn.Module | None) -> list[str]:
    """`DEFAULT`, without CAM where the head does not allow it."""
    linear = find_target(classifier.net, pixels, layer).linear_head
    return [method for method in DEFAULT if method != "cam" or linear]


def write_heatmap_images(
    folder: Path, image: ImageArray, heatmaps: dict[str, Tensor], classes: list[str], captions: list[str]
) -> None:
    """The heatmaps over the image at its own size, and all of them in one grid."""
    folder.mkdir(parents=True, exist_ok=True)
    small = shrink_image(image)
    rows = []
    files = distinct_names(re.sub(r"[^\w.-]+", "_", name) for name in classes)
    for j, (file, caption) in enumerate(zip(files, captions, strict=True)):
        tiles = [Tile(caption, small)]
        for method, heat in heatmaps.items():
            over = draw_heat(image, at_size(heat[j], image))
            write_image(folder / f"{method}-{file}.png", over)
            tiles.append(Tile(method, draw_heat(small, at_size(heat[j], small))))
        rows.append(tiles)
    write_image(folder / "grid.png", draw_grid(rows))


def at_size(heat: Tensor, image: ImageArray) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A heatmap (h, w) at the size of an image, float32 (H, W) in [0, 1]."""
    return resize(heat[None], (image.shape[0], image.shape[1]))[0].numpy()
