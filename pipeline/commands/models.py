"""Loads the classifier of `camseg explain`: the one of the pipeline, or one of torchvision or timm."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor, nn
from torchvision import models

from pipeline.classifier.network import load_classifier
from pipeline.commands.params_file import params_anywhere
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading
from pipeline.engine.normalise import Normalise
from pipeline.engine.weights import read_tensors
from pipeline.errors import UserError

LONG_SIDE = 224  # pixels, for the networks of libraries


@dataclass(frozen=True)
class LoadedClassifier:
    """A classifier and what is known about it."""

    net: nn.Module  # images as `normalise` gives them -> logits (N, C); in eval mode
    normalise: nn.Module  # images float32 (N, 3, H, W) in [0, 1] -> those that `net` takes
    classes: tuple[str, ...]
    long_side: int  # pixels of its images
    multi_label: bool  # an image may show several classes
    reading: ImageReading = AS_IT_IS  # of the images that it was trained on
    own_size: tuple[int, int] | None = None  # (H, W) that the network was made for, perhaps the only one

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities (N, C) of logits (N, C): sigmoid for `multi_label`, else softmax."""
        return logits.sigmoid() if self.multi_label else logits.softmax(1)


def load_named_classifier(model: str, weights: str) -> LoadedClassifier:
    """The classifier named on the command line.

    Args:
        model: `torchvision:NAME`, `timm:NAME`, or a folder that `train_classifier` wrote.
        weights: of the first two: `pretrained` (downloaded once), `none`, or a .safetensors or .pth file.
    """
    if weights == "imagenet":
        raise UserError("--weights: imagenet is called pretrained now")
    library, _, name = model.partition(":")
    if library == "torchvision" and name:
        net = _torchvision(name, weights)
    elif library == "timm" and name:
        net = _loaded(weights, lambda options: timm.create_model(name, weights == "pretrained", **options))
    else:
        return _pipeline(Path(model))
    classes = class_names(head_of(net)[1])
    return LoadedClassifier(net.eval(), Normalise(), classes, LONG_SIDE, False, own_size=own_size(net, name))


def own_size(net: Any, name: str) -> tuple[int, int]:
    """Height and width of the images that a network of timm or torchvision was made for, in pixels."""
    if hasattr(net, "pretrained_cfg"):
        height, width = net.pretrained_cfg["input_size"][1:]
        return height, width
    crop: int = models.get_model_weights(name).DEFAULT.transforms().crop_size[0]
    side: int = getattr(net, "image_size", crop)
    return side, side


def class_names(count: int) -> tuple[str, ...]:
    """The names of ImageNet for 1000 classes, else `class 0`, `class 1`, ..."""
    if count != 1000:
        return tuple(f"class {index}" for index in range(count))
    info = ImageNetInfo()
    return tuple(info.index_to_description(index).split(",")[0] for index in range(count))


def _pipeline(folder: Path) -> LoadedClassifier:
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: there is no classifier. Run `camseg run` first, or name one: "
            "--model torchvision:resnet50, --model timm:NAME"
        )
    net = load_classifier(folder)
    long_side, reading = params_anywhere(folder).working_side(), net.config.reading
    return LoadedClassifier(net, nn.Identity(), net.config.classes, long_side, True, reading)


def _torchvision(name: str, weights: str) -> nn.Module:
    known = models.list_models(module=models)
    if name not in known:
        raise UserError(f"--model: torchvision has no classifier {name!r}, but {', '.join(known)}")
    download = "DEFAULT" if weights == "pretrained" else None
    return _loaded(weights, lambda options: models.get_model(name, weights=download, **options))


def _loaded(weights: str, make: Callable[[dict[str, Any]], nn.Module]) -> nn.Module:
    """The network that `make` builds from options, with its weights; a file decides the number of classes."""
    try:
        net = make({})
    except (OSError, RuntimeError) as error:
        hint = "Give a file with --weights, or --weights none." if weights == "pretrained" else ""
        raise UserError(f"--model: {error}. {hint}") from error
    if weights in ("pretrained", "none"):
        return net
    state = read_tensors(Path(weights))
    name, _ = head_of(net)
    if f"{name}.weight" in state:
        net = make({"num_classes": len(state[f"{name}.weight"])})
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{weights}: does not fit the model: {str(error)[:500]}") from error
    return net


def head_of(net: nn.Module) -> tuple[str, int]:
    """The name of the last layer with weights, and its number of outputs, which are the classes."""
    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    name, layer = layers[-1]
    return name, len(layer.weight)
