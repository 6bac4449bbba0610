"""Explains images for `camseg explain`: heatmaps by several methods, drawn over each image."""

import argparse
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipeline.base.files import write_npz
from pipeline.commands.models import LoadedClassifier, load_named_classifier
from pipeline.commands.outputs import distinct_names
from pipeline.data.images import ImageArray, ImageError, read_image, write_image
from pipeline.data.resize import image_tensor, resize
from pipeline.engine.device import pick_device
from pipeline.errors import UserError
from pipeline.heatmaps import explain
from pipeline.heatmaps.class_maps import METHODS
from pipeline.heatmaps.hooks import CaptureError
from pipeline.heatmaps.layers import TargetError, find_target, named_layer
from pipeline.heatmaps.pytorch_grad_cam import library_names
from pipeline.report.overlay import draw_heat
from pipeline.report.panel import draw_grid
from pipeline.report.tiles import Tile, shrink_image

DEFAULT_METHODS = ("cam", "gradcam", "gradcampp", "layercam")  # cam only where the head allows
LONGEST = 200  # bytes of the name of a class in that of a file
SIX = ("gradcam", "scorecam", "gradcampp", "ablationcam", "xgradcam", "eigencam")


def explain_images(arguments: argparse.Namespace) -> int:
    """Explain every image; 1 if an image could not be read."""
    methods = parse_methods(arguments.methods) if arguments.methods else None
    classifier = load_named_classifier(arguments.model, arguments.weights)
    device = pick_device()
    classifier.net.to(device)
    classifier.normalise.to(device)
    long_side = classifier.long_side if arguments.long_side is None else arguments.long_side
    layer = named_layer(classifier.net, arguments.layer) if arguments.layer else None
    images = list(dict.fromkeys(arguments.images))
    folders = [arguments.out / name for name in distinct_names(map(folder_name, images))]
    skipped = 0
    for path, folder in zip(tqdm(images, "explain", unit="image"), folders, strict=True):
        try:
            image = read_image(path, reading=classifier.reading)
        except (ImageError, OSError) as error:
            tqdm.write(f"skipped: {error}", file=sys.stderr)
            skipped += 1
            continue
        pixels, logits = run_network(classifier, image, long_side, device)
        probabilities = classifier.probabilities(logits)[0].cpu()
        labels = choose_labels(arguments.classes, classifier.classes, probabilities)
        names = [class_title(classifier.classes, label) for label in labels]
        heatmaps = explain_image(classifier, pixels, labels, layer, methods)
        captions = [f"{name} {probabilities[label]:.2f}" for name, label in zip(names, labels, strict=True)]
        write_heatmap_images(folder, image, heatmaps, names, captions)
        if arguments.npz:
            arrays = {method: heatmap.numpy() for method, heatmap in heatmaps.items()}
            write_npz(folder / "heatmaps.npz", {"classes": np.array(names)} | arrays)
    print(f"{len(images) - skipped} image(s) explained in {arguments.out}, {skipped} skipped")
    return 1 if skipped else 0


def run_network(
    classifier: LoadedClassifier, image: ImageArray, long_side: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """An image as the network takes it, (1, 3, h, w), and its logits (1, C).

    A network that does not take the image with its own sides gets it stretched to `own_size`.
    """
    pixels = classifier.normalise(image_tensor(image, long_side)[None].to(device))
    try:
        with torch.inference_mode():
            return pixels, classifier.net(pixels)
    except torch.OutOfMemoryError:
        raise
    except (AssertionError, RuntimeError, ValueError):
        if classifier.own_size is None:
            raise
    height, width = classifier.own_size
    whole = image_tensor(image, max(height, width))[None].to(device)
    pixels = classifier.normalise(resize(whole, (height, width)))
    try:
        with torch.inference_mode():
            return pixels, classifier.net(pixels)
    except (AssertionError, RuntimeError, ValueError) as error:
        text = str(error).splitlines()[0][:200]
        raise UserError(
            f"--model: the network takes no image of {height} x {width} pixels: {text}"
        ) from error


def explain_image(
    classifier: LoadedClassifier,
    pixels: Tensor,
    labels: list[int],
    layer: torch.nn.Module | None,
    methods: list[str] | None,
) -> dict[str, Tensor]:
    """Heatmaps (P, h, w) of the labels by each method; None: by `default_methods`."""
    try:
        chosen = methods or default_methods(classifier, pixels, layer)
        batches = explain(classifier.net, pixels, [labels], layer=layer, method=chosen)
    except (TargetError, CaptureError) as error:
        problem = error.problem if isinstance(error, TargetError) else str(error)
        names = ", ".join(name for name, _ in classifier.net.named_children())
        raise UserError(
            f"{problem}. --layer takes a layer that gives a feature map (N, K, h, w): one of {names}, or one "
            "inside them, as in layer4.-1; --long-side makes images larger"
        ) from error
    return {method: batch[0].cpu() for method, batch in batches.items()}


def choose_labels(text: str, classes: Sequence[str], probabilities: Tensor) -> list[int]:
    """The class indices that --classes names.

    Args:
        text: `topN`, by probabilities (C,); or class names and class indices. A name comes before an index,
            and a name with commas before a list.
    """
    if top := re.fullmatch(r"top(\d+)", text):
        return [int(label) for label in probabilities.argsort(descending=True)[: max(1, int(top[1]))]]
    parts = [text] if text in classes else text.split(",")
    return list(dict.fromkeys(find_class(part.strip(), classes) for part in parts))


def find_class(text: str, classes: Sequence[str]) -> int:
    """The index of the class that `text` names, by its name or by its index."""
    found = [index for index, name in enumerate(classes) if name == text]
    if len(found) > 1:
        indices = " and ".join(map(str, found))
        raise UserError(f"--classes: {text!r} names several classes, {indices}: ask for one as {found[0]}")
    if found:
        return found[0]
    if not text.isdecimal():
        near = get_close_matches(text, classes, 5, 0.4) or classes[:5]
        raise UserError(f"--classes: the model has no class {text!r}; near: {', '.join(near)}")
    if int(text) >= len(classes):
        raise UserError(f"--classes: expected an index in 0..{len(classes) - 1}, got {text}")
    return int(text)


def class_title(classes: Sequence[str], label: int) -> str:
    """The name of a class; with its index where other classes have the name too."""
    name = classes[label]
    return name if classes.count(name) == 1 else f"{name} {label}"


def parse_methods(text: str) -> list[str]:
    """The methods that --methods names, separated by commas; `six` stands for six of them."""
    parts = [part.strip() for part in text.split(",")]
    names = list(dict.fromkeys(name for part in parts for name in (SIX if part == "six" else [part])))
    for name in names:
        if name not in METHODS and name not in library_names():
            known = ", ".join(("six", *METHODS, *library_names()))
            raise UserError(f"--methods: expected some of {known}, got {name!r}")
    return names


def default_methods(classifier: LoadedClassifier, pixels: Tensor, layer: torch.nn.Module | None) -> list[str]:
    """`DEFAULT_METHODS`, without CAM where the head does not allow it."""
    linear = find_target(classifier.net, pixels, layer).linear_head
    return [method for method in DEFAULT_METHODS if method != "cam" or linear]


def folder_name(image: Path) -> str:
    """The stem of an image as the name of its folder; of `...png` it would be the folder above."""
    return image.stem if image.stem.strip(".") else "image"


def file_name(class_name: str) -> str:
    """A class in the name of a file."""
    return re.sub(r"[^\w.-]+", "_", class_name).encode()[:LONGEST].decode(errors="ignore")


def write_heatmap_images(
    folder: Path, image: ImageArray, heatmaps: dict[str, Tensor], classes: list[str], captions: list[str]
) -> None:
    """Draw each heatmap over the image at the image's own size, and all of them in one grid."""
    folder.mkdir(parents=True, exist_ok=True)
    small = shrink_image(image)
    rows = []
    files = distinct_names(map(file_name, classes))
    for j, (file, caption) in enumerate(zip(files, captions, strict=True)):
        tiles = [Tile(caption, small)]
        for method, heatmap in heatmaps.items():
            write_image(folder / f"{method}-{file}.png", draw_heat(image, at_size(heatmap[j], image)))
            tiles.append(Tile(method, draw_heat(small, at_size(heatmap[j], small))))
        rows.append(tiles)
    write_image(folder / "grid.png", draw_grid(rows))


def at_size(heatmap: Tensor, image: ImageArray) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A heatmap (h, w) at the size of an image, float32 (H, W) in [0, 1]."""
    return resize(heatmap[None], (image.shape[0], image.shape[1]))[0].numpy()
