"""The classifier: encoder -> global average pooling -> one fully connected layer, as CAM needs it."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipeline.base.files import read_json, write_bytes, write_json
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading, reading_of_json
from pipeline.engine.batch_norm_folding import fold_frozen_batch_norm
from pipeline.engine.normalise import Normalise
from pipeline.engine.training_loop import freeze_batch_norm
from pipeline.engine.weights import make_encoder
from pipeline.params import ClassifierParams


@dataclass(frozen=True)
class ClassifierConfig:
    """What a saved network is built again from."""

    encoder: str
    output_stride: int
    classes: tuple[str, ...]
    reading: ImageReading = AS_IT_IS  # how files of more than 8 bits became images


class Classifier(nn.Module):
    """Multi-label classifier: images float32 (N, 3, H, W) in [0, 1] -> logits float32 (N, C)."""

    def __init__(self, config: ClassifierConfig, weights: str = "none", *, frozen_norm: bool = False) -> None:
        super().__init__()
        self.config = config
        self.frozen_norm = frozen_norm
        self.normalise = Normalise()
        self.encoder = make_encoder(config.encoder, weights, config.output_stride)
        if frozen_norm:
            fold_frozen_batch_norm(self.encoder)
        channels: int = self.encoder.out_channels[-1]  # type: ignore[index,assignment]
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, len(config.classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images)[-1])

    def head(self, activations: Tensor) -> Tensor:
        """Logits float32 (N, C) of the encoder's last feature map (N, K, h, w)."""
        # The head stays in float32 under autocast: heatmaps are made of its weights and gradients.
        with torch.autocast(activations.device.type, enabled=False):
            logits: Tensor = self.fc(self.pool(activations.float()).flatten(1))
        return logits

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's feature maps at all depths, each (N, K, h, w); first the normalised images."""
        depths: list[Tensor] = self.encoder(self.normalise(images))
        return depths

    def train(self, mode: bool = True) -> "Classifier":
        super().train(mode)
        if self.frozen_norm:
            freeze_batch_norm(self.encoder)
        return self


def make_classifier(
    params: ClassifierParams, classes: tuple[str, ...], reading: ImageReading = AS_IT_IS
) -> Classifier:
    """The untrained network that `params` describe."""
    frozen = params.batch_norm == "frozen" or (params.batch_norm == "auto" and params.weights != "none")
    config = ClassifierConfig(params.encoder, params.output_stride, classes, reading)
    return Classifier(config, params.weights, frozen_norm=frozen)


def save_classifier(folder: Path, net: Classifier) -> None:
    """Write `model.safetensors` and `config.json` into `folder`."""
    state = {key: value.cpu().contiguous() for key, value in net.state_dict().items()}
    write_bytes(folder / "model.safetensors", save(state))
    write_json(folder / "config.json", asdict(net.config))


def load_classifier(folder: Path) -> Classifier:
    """The trained network of `folder`, in eval mode on the CPU."""
    raw = read_json(folder / "config.json")
    changed = {"classes": tuple(raw["classes"]), "reading": reading_of_json(raw.get("reading"))}
    net = Classifier(ClassifierConfig(**{**raw, **changed}))
    net.load_state_dict(load_file(folder / "model.safetensors"))
    return net.eval()
