"""Segmentation models of a few weights whose answer is known, in the place of the library's own.

The tests that use them replace nothing else: `create_model` of the library and its list of models, here.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

HIDDEN = 5
MEAN = np.array([0.485, 0.456, 0.406])  # ImageNet's
STD = np.array([0.229, 0.224, 0.225])
# Of `SlantedNet`: weights of normalised RGB and 1 for the background and three classes.
DETECTORS = np.array([[0, 0, 0, 0.7], [1, -0.5, -0.5, 0], [-0.5, 1, -0.5, 0], [-0.5, -0.5, 1, 0]])


class Encoder(nn.Module):
    """tanh of a weighted sum of each pixel's channels and 1: (N, 3, H, W) -> float64 (N, HIDDEN, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(HIDDEN, 4, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("kc,nchw->nkhw", self.weight, with_one(images)).tanh()


class PixelNet(nn.Module):
    """Logits of each pixel from its own colour alone, so that crops and flips change no loss.

    In float64: its sums are the same to six digits on any processor. Biases are weights of a channel of ones.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Parameter(torch.from_numpy(start_weights(labels, HIDDEN + 1, seed=1)))

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("lk,nkhw->nlhw", self.head, with_one(self.encoder(images)))

    def save_pretrained(self, folder: str) -> None:
        """As the library's models: into a folder of its own."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_file(self.state_dict(), Path(folder) / "model.safetensors")


class SlantedNet(nn.Module):
    """Logits that depend on the column and the size of what it is shown: scales and flips change them."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(DETECTORS), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        width = images.shape[-1]
        logits = torch.einsum("lc,nchw->nlhw", self.weights, with_one(images))
        logits[:, 1] += torch.from_numpy(slant(width))
        return logits * sharpness(width)


def slant(width: int) -> np.ndarray:
    """What is added to the logits of label 1, (W,): against it on the left, for it on the right."""
    return np.linspace(-3, 3, width)


def sharpness(width: int) -> float:
    """What `SlantedNet` multiplies its logits with: it is sure of small images and unsure of large ones."""
    return 4.0 if width <= 32 else 1.0


def with_one(images: Tensor) -> Tensor:
    """`images` in float64 with a channel of ones more."""
    return torch.cat([images.double(), torch.ones_like(images[:, :1], dtype=torch.float64)], 1)


def start_weights(rows: int, columns: int, seed: int) -> np.ndarray:
    """float64 (rows, columns) that are exact in float32, as weight files hold them."""
    return np.random.default_rng(seed).normal(0, 0.7, (rows, columns)).astype(np.float32).astype(np.float64)


def use_pixel_net(patch: pytest.MonkeyPatch) -> None:
    """The library makes a `PixelNet`, whatever the architecture."""
    patch.setattr(smp, "create_model", lambda *_, classes, **__: PixelNet(classes))


def use_slanted_net(patch: pytest.MonkeyPatch, folder: Path, classes: list[str], long_side: int) -> None:
    """The library opens a `SlantedNet` in `folder`, which gets what else a saved model has."""
    folder.mkdir(parents=True)
    config = {"classes": classes, "long_side": long_side, "mean": MEAN.tolist(), "std": STD.tolist()}
    (folder / "camseg.json").write_text(json.dumps(config))
    (folder / "config.json").write_text(json.dumps({"_model_class": "SlantedNet"}))
    save_file(SlantedNet().state_dict(), folder / "model.safetensors")
    patch.setitem(smp.MODEL_ARCHITECTURES_MAPPING, "slantednet", SlantedNet)
