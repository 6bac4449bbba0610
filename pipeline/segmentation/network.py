"""The segmentation network, of segmentation-models-pytorch: made, saved and loaded."""

from dataclasses import asdict, dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
from safetensors.torch import load_model
from torch import Tensor, nn

from pipeline.base.files import read_json, write_json
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading, reading_of_json
from pipeline.engine.batch_norm_folding import fold_batch_norm, fold_frozen_batch_norm
from pipeline.engine.encoders import any_size
from pipeline.engine.licences import UNKNOWN
from pipeline.engine.normalise import MEAN, STD, Normalise
from pipeline.engine.training_loop import freeze_batch_norm
from pipeline.engine.weights import WeightsError, load_into, make_encoder, read_weights
from pipeline.params import SegmentationParams


@dataclass(frozen=True)
class SegmentationConfig:
    """What a user of the saved model has to know."""

    classes: tuple[str, ...]  # id i + 1 is class i; 0 is background
    long_side: int  # pixels that the longer side of an image had in training
    background: bool = True  # logit 0 is that of the background; False: logit i is that of class i
    mean: tuple[float, ...] = MEAN  # of RGB in [0, 1], to subtract
    std: tuple[float, ...] = STD  # to divide by
    reading: ImageReading = AS_IT_IS  # how files of more than 8 bits became images
    tile: int | None = None  # pixels of the side of a tile; None: images are not cut
    weights_licence: str = UNKNOWN  # of the weights that the encoder started from


class SegmentationNet(nn.Module):
    """Images float32 (N, 3, H, W) in [0, 1], sides multiples of 32 -> logits float32 (N, L, H, W).

    In data without background there are C logits, else L = C + 1.
    """

    def __init__(self, model: nn.Module, config: SegmentationConfig, *, frozen_norm: bool = False) -> None:
        super().__init__()
        self.config = config
        self.frozen_norm = frozen_norm
        self.normalise = Normalise()
        self.model = model
        if frozen_norm:
            fold_frozen_batch_norm(model.get_submodule("encoder"))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(self.normalise(images))
        return logits

    def train(self, mode: bool = True) -> "SegmentationNet":
        super().train(mode)
        if self.frozen_norm:
            freeze_batch_norm(self.model.get_submodule("encoder"))
        return self


def make_segmentation_net(
    params: SegmentationParams, config: SegmentationConfig, classifier: Path, *, pretrained: bool
) -> SegmentationNet:
    """The untrained network that `params` describe.

    Args:
        pretrained: the encoder comes from other images; `batch_norm: auto` then keeps its statistics.
        classifier: `model.safetensors` of the classifier, for `weights: classifier`.

    Raises:
        WeightsError: unknown architecture or encoder, or weights that do not fit.
    """
    _check_decoder(params)
    count = len(config.classes) + config.background
    decoder = {f"decoder_{name}": value for name, value in params.decoder.items()}
    try:
        model = smp.create_model(
            params.architecture,
            params.encoder,
            encoder_weights=None,
            classes=count,
            **decoder,
            **any_size(params.encoder),
        )
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise WeightsError(f"segmentation {params.architecture!r} on {params.encoder!r}: {error}") from error
    encoder = model.get_submodule("encoder")
    if params.weights == "classifier":
        load_into(encoder, read_weights(classifier), str(classifier))
    elif params.weights != "none":
        start = make_encoder(params.encoder, params.weights, key="segmentation.weights")
        load_into(encoder, start.state_dict(), params.weights)
    frozen = params.batch_norm == "frozen" or (params.batch_norm == "auto" and pretrained)
    return SegmentationNet(model, config, frozen_norm=frozen)


def _check_decoder(params: SegmentationParams) -> None:
    """Refuse options that the architecture does not have: the library would ignore them."""
    architecture = smp.MODEL_ARCHITECTURES_MAPPING.get(params.architecture.lower())
    if architecture is None:  # `create_model` refuses it
        return
    names = signature(architecture).parameters
    known = [name.removeprefix("decoder_") for name in names if "decoder_" in name]
    unknown = sorted(set(params.decoder) - set(known))
    if unknown:
        raise WeightsError(
            f"segmentation.decoder: {params.architecture} has no {', '.join(unknown)}, but {', '.join(known)}"
        )


def save_segmentation_net(folder: Path, net: SegmentationNet) -> None:
    """Write a folder that `segmentation_models_pytorch.from_pretrained(folder)` opens, and `camseg.json`."""
    net.model.cpu().save_pretrained(str(folder))  # type: ignore[operator]
    write_json(folder / "camseg.json", asdict(net.config))


def load_segmentation_net(folder: Path) -> SegmentationNet:
    """The trained network of `folder`, on the CPU and for inference alone: its BatchNorm is folded."""
    raw = read_json(folder / "camseg.json")
    values: dict[str, Any] = {
        k: tuple(value) if isinstance(value, list) else value for k, value in raw.items()
    }
    values["reading"] = reading_of_json(raw.get("reading"))
    # Not by `segmentation_models_pytorch.from_pretrained(folder)`, which prints a line for each model.
    options = read_json(folder / "config.json")
    architecture = smp.MODEL_ARCHITECTURES_MAPPING[options.pop("_model_class").lower()]
    model: nn.Module = architecture(**options)
    load_model(model, folder / "model.safetensors")
    net = SegmentationNet(model, SegmentationConfig(**values)).eval()
    fold_batch_norm(net)
    return net
