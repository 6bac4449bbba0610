"""The classifier: encoder -> global average pooling -> one fully connected layer, as CAM needs it.

With `pooling`, the mean over the cells becomes that of the top cells of each class. Encoders with LayerNorm,
as ConvNeXt and Swin, give sums of all their blocks: `cell_norm` brings each cell to mean 0 and variance 1
over its channels before the pooling. So the logit stays the mean over cells of w_c f(u) + b_c, and CAM exact.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from pipeline.base.files import read_json, write_bytes, write_json
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading, reading_of_json
from pipeline.data.resize import whole_cells
from pipeline.engine.batch_norm_folding import fold_frozen_batch_norm
from pipeline.engine.encoders import cell_side
from pipeline.engine.normalise import Normalise
from pipeline.engine.tiling import map_tiles
from pipeline.engine.training_loop import freeze_batch_norm
from pipeline.engine.weights import make_encoder
from pipeline.params import ClassifierParams

Pooling = Literal["mean"] | float


@dataclass(frozen=True)
class ClassifierConfig:
    """What a saved network is built again from."""

    encoder: str
    output_stride: int
    classes: tuple[str, ...]
    reading: ImageReading = AS_IT_IS  # how files of more than 8 bits became images
    pooling: Pooling = "mean"  # of the cells' logits: all of them, or this share, the top ones of each class
    tile: int | None = None  # pixels of the side of a tile; None: images are not cut
    cell_norm: bool = False  # LayerNorm of each cell before the pooling, and images enlarged to whole cells


class TopCells(nn.Module):
    """The head with top cells: activations (N, K, h, w), FC weight (C, K) and bias (C,) -> logits (N, C)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, activations: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return pool_cells(logits_of_cells(activations, weight, bias).flatten(2), self.share)


def logits_of_cells(activations: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """w_c f(u) + b_c of each cell u of the last feature map (N, K, h, w): float32 (N, C, h, w)."""
    with torch.autocast(activations.device.type, enabled=False):
        return functional.conv2d(activations.float(), weight[:, :, None, None], bias)


def pool_cells(cells: Tensor, pooling: Pooling) -> Tensor:
    """Logits (N, C) of images: the mean of their cells (N, C, M), or of the top ones of each class."""
    if pooling == "mean":
        return cells.mean(2)
    return cells.topk(top_count(cells.shape[2], pooling), 2).values.mean(2)


def top_count(cells: int, share: float) -> int:
    """How many of so many cells are top ones, at least one."""
    return max(1, round(share * cells))


class CellNorm(nn.Module):
    """LayerNorm of each cell of maps (N, K, h, w) over the channels, in float32: arXiv:1607.06450, eq. 3.

    It has no weights: a scale and a shift for each channel would add nothing to the FC layer behind it.
    """

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            cells = functional.layer_norm(maps.float().movedim(1, -1), maps.shape[1:2])
        return cells.movedim(-1, 1)


def needs_cell_norm(encoder: nn.Module) -> bool:
    """Whether the encoder has LayerNorm: then its last feature map is a sum that nothing has normalised."""
    return any(isinstance(module, nn.LayerNorm) for module in encoder.modules())


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
        self.norm = CellNorm() if config.cell_norm else nn.Identity()
        self.pool = nn.AdaptiveAvgPool2d(1) if config.pooling == "mean" else TopCells(config.pooling)
        self.fc = nn.Linear(channels, len(config.classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.activations(images))

    def head(self, activations: Tensor) -> Tensor:
        """Logits float32 (N, C) of the encoder's last feature map (N, K, h, w)."""
        if isinstance(self.pool, TopCells):
            return cast(Tensor, self.pool(activations, self.fc.weight, self.fc.bias))
        # The head stays in float32 under autocast: heatmaps are made of its weights and gradients.
        with torch.autocast(activations.device.type, enabled=False):
            logits: Tensor = self.fc(self.pool(activations.float()).flatten(1))
        return logits

    def activations(self, images: Tensor) -> Tensor:
        """The encoder's last feature map (N, K, h, w), tile by tile where images are cut."""
        return map_tiles(images, self.config.tile, lambda tiles: self.features(tiles)[-1:])[0]

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's feature maps at all depths, each (N, K, h, w); first the normalised images.

        With `cell_norm`, the images are enlarged to whole cells: many of these encoders cut off what does not
        fill one, or refuse it.
        """
        if self.config.cell_norm:
            images = whole_cells(images, cell_side(self.encoder))
        depths: list[Tensor] = self.encoder(self.normalise(images))
        return [*depths[:-1], self.norm(depths[-1])]

    def with_cell_norm(self) -> "Classifier":
        """This network, from now on with `cell_norm`."""
        self.config, self.norm = replace(self.config, cell_norm=True), CellNorm()
        return self

    def averaged(self) -> "Classifier":
        """This network, from now on with the mean of all cells: in heatmaps all cells count alike."""
        self.config, self.pool = replace(self.config, pooling="mean"), nn.AdaptiveAvgPool2d(1)
        return self

    def train(self, mode: bool = True) -> "Classifier":
        super().train(mode)
        if self.frozen_norm:
            freeze_batch_norm(self.encoder)
        return self


def make_classifier(
    params: ClassifierParams,
    classes: tuple[str, ...],
    reading: ImageReading = AS_IT_IS,
    tile: int | None = None,
) -> Classifier:
    """The untrained network that `params` describe; `tile`: see `ClassifierConfig`."""
    frozen = params.batch_norm == "frozen" or (params.batch_norm == "auto" and params.weights != "none")
    config = ClassifierConfig(params.encoder, params.output_stride, classes, reading, params.pooling, tile)
    net = Classifier(config, params.weights, frozen_norm=frozen)
    return net.with_cell_norm() if needs_cell_norm(net.encoder) else net


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
