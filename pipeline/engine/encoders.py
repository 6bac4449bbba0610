"""Encoders by name, before a file of weights: those of segmentation-models-pytorch, plain transformers."""

from inspect import signature
from typing import Any, cast

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.data.resize import whole_cells

COUNTED = 224  # pixels of the sides of an image whose multiplications are counted
STRIDE = 32  # pixels of a cell of the last feature map, but of plain transformers


class PlainTransformer(nn.Module):
    """Images (N, 3, H, W) -> the images, and the last feature map (N, K, h, w).

    The map holds the tokens of the patches behind the network's own last norm, without class tokens and
    registers. Images are enlarged to whole patches, and the embeddings of positions are interpolated.
    """

    def __init__(self, name: str, *, pretrained: bool) -> None:
        super().__init__()
        self.name = name  # of timm
        self.model = cast(Any, timm.create_model(name, pretrained=pretrained, dynamic_img_size=True))
        self.model.prune_intermediate_layers(1)  # takes the head off
        last = self.model.feature_info[-1]
        self.out_channels: list[int] = [3, last["num_chs"]]
        self.patch: int = last["reduction"]  # pixels of its side

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.model.forward_intermediates(
            whole_cells(images, self.patch), indices=1, norm=True, intermediates_only=True
        )
        return [images, *maps]


def build_encoder(name: str, output_stride: int = STRIDE, *, download: bool = False) -> nn.Module:
    """The encoder of a name as in `make_encoder`, with random weights or those of the library.

    Raises:
        KeyError, RuntimeError, ValueError: no such encoder, weights or stride.
    """
    network = _without_data(name)
    if not _is_plain(network):
        weights = "imagenet" if download else None  # the name of the libraries, whatever they saw
        options = {"output_stride": output_stride, **_size_options(network)}
        encoder: nn.Module = smp.encoders.get_encoder(name, weights=weights, **options)
        return encoder
    if output_stride != STRIDE:
        raise ValueError(f"its cells are its patches. Set output_stride: {STRIDE}, got {output_stride}")
    return PlainTransformer(name.removeprefix("tu-"), pretrained=download)


def any_size(encoder: str) -> dict[str, bool]:
    """The options with which networks of timm that are made for one image size, as Swin, take any other."""
    return _size_options(_without_data(encoder))


def is_plain(encoder: str) -> bool:
    """Whether a name means a plain transformer, whose only feature map no decoder takes."""
    return _is_plain(_without_data(encoder))


def cell_side(encoder: nn.Module) -> int:
    """Pixels of the side of a cell of the last feature map, at the full stride."""
    return encoder.patch if isinstance(encoder, PlainTransformer) else STRIDE


def cell_pixels(encoder: str, output_stride: int) -> int:
    """`cell_side` by the name of an encoder, at its stride; in a plain transformer a cell is a patch."""
    network: Any = _without_data(encoder)
    return int(network.feature_info[-1]["reduction"]) if _is_plain(network) else output_stride


def multiplications(encoder: str) -> float:
    """Multiplications of a forward pass for each pixel of an image; nothing is computed.

    Raises:
        KeyError, RuntimeError, ValueError: no such encoder.
    """
    with torch.device("meta"):
        network, images = build_encoder(encoder).eval(), torch.empty(1, 3, COUNTED, COUNTED)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(images)
    return float(counter.get_total_flops() / 2 / COUNTED**2)  # it counts sums too


def _is_plain(network: Any) -> bool:
    """Whether a network of timm is a transformer with one stride that takes images of any size."""
    if "dynamic_img_size" not in _options(network):
        return False
    return len({depth["reduction"] for depth in network.feature_info}) == 1


def _size_options(network: nn.Module | None) -> dict[str, bool]:
    return {"strict_img_size": False} if "strict_img_size" in _options(network) else {}


def _options(network: nn.Module | None) -> set[str]:
    """What a network of timm is made with."""
    return set() if network is None else set(signature(type(network)).parameters)


def _without_data(encoder: str) -> nn.Module | None:
    """timm's whole network of `tu-NAME`, on the device `meta`; None: it is none, or cannot be built so."""
    name = encoder.removeprefix("tu-")
    if name == encoder or not timm.is_model(name.partition(".")[0]):
        return None
    try:
        with torch.device("meta"):
            network: nn.Module = timm.create_model(name)
    except RuntimeError:  # it needs data, or has no weights of this tag
        return None
    return network
