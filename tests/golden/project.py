"""A tiny data set and networks whose answer is known, for runs of whole stages.

All that reaches into the package is here. The stub encoder and the stub architecture enter by the tables of
segmentation-models-pytorch: stages build, save and load them like any other.
"""

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from PIL import Image, ImageFilter
from segmentation_models_pytorch.base import SegmentationModel
from segmentation_models_pytorch.base.hub_mixin import supports_config_loading
from segmentation_models_pytorch.encoders._base import EncoderMixin
from torch import Tensor, nn
from torch.nn import functional

from pipeline.classifier.network import make_classifier, save_classifier
from pipeline.params import load_params
from pipeline.segmentation.network import (
    SegmentationConfig,
    make_segmentation_net,
    save_segmentation_net,
)
from pipeline.stages import prepare
from tests.end_to_end.project import change_params
from tests.image_folder import draw_image_and_mask

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("disc", "square", "triangle")
LONG_SIDE = 64

# Of the stub encoder: what each channel makes of normalised RGB, of a pixel and of the one to its left. So a
# mirrored image is another one to the network, and a missing flip is seen.
COLOURS = (
    (1.0, -0.5, -0.5),
    (-0.5, 1.0, -0.5),
    (-0.5, -0.5, 1.0),
    (0.5, 0.5, 0.5),
    (-0.3, -0.3, -0.3),
    (1.0, 0.3, -0.2),
)
CHANNEL_BIAS = (0.1, 0.0, -0.1, 0.2, 0.2, 0.0)
LEFT, HERE = 0.4, 0.6

# Of the classifier's fully connected layer (C, K) and of the segmentation head (L, K).
FC = ((1.3, -0.4, 0.1, -0.2, 0.2, 0.5), (0.2, 1.5, -0.3, 0.3, 0.1, -0.2), (-0.5, 0.3, 0.9, 0.2, -0.2, 0.1))
FC_BIAS = (-0.6, -0.5, -0.7)
HEAD = ((-0.2, 0.1, 0.2, 1.5, 0.1, 0.0), *FC)
HEAD_BIAS = (0.9, 0.1, 0.0, -0.2)


@dataclass(frozen=True)
class GoldenSample:
    """One image of the data set."""

    name: str
    labels: tuple[int, ...]  # class indices
    split: str
    size: tuple[int, int]  # height, width in pixels
    score: bool = True


# Training images have 1 or 2 times the sides of the working image, so that heat on their pixels is exact in
# float32, and so are its ties with the threshold.
SAMPLES = (
    GoldenSample("a", (0, 1), "train", (96, 128)),
    GoldenSample("b", (2,), "train", (64, 40)),
    GoldenSample("c", (), "train", (56, 80)),
    GoldenSample("d", (0,), "train", (80, 128)),  # corrected by hand
    GoldenSample("e", (0, 2), "val", (44, 76)),
    GoldenSample("f", (1,), "val", (72, 48)),
    GoldenSample("g", (1, 2), "test", (40, 60)),
    GoldenSample("h", (1, 2), "train", (48, 64), score=False),  # its mask counts in no score
)
CORRECTED = "d"

TRAINING = {
    "steps": 4,
    "batch_size": 2,
    "warmup_steps": 1,
    "checkpoint_steps": 2,
}
CHANGES: dict[str, object] = {
    "data.source": "csv",
    "data.path": "data/photos",
    "data.long_side": LONG_SIDE,
    "classifier.encoder": "stub",
    "classifier.output_stride": 8,
    **{f"classifier.training.{key}": value for key, value in TRAINING.items()},
    "heatmaps.methods": ["cam", "gradcampp"],
    "heatmaps.scales": [1.0, 1.5],
    "heatmaps.batch_size": 2,
    "pseudo_masks.band": 0.05,
    "pseudo_masks.refine": "crf",
    "segmentation.encoder": "stub",
    "segmentation.architecture": "Stub",
    "segmentation.decoder": {},
    **{f"segmentation.training.{key}": value for key, value in TRAINING.items()},
    "self_training.rounds": {"cam-round1": "cam"},
    "diagnose.images": 0,
    "report.images": 4,
}


def make_project(folder: Path, patch: pytest.MonkeyPatch, changes: Mapping[str, object] = {}) -> None:
    """Make `folder` a project with the data set, its stubs and `changes`; enter it and run `prepare`."""
    patch.chdir(folder)
    patch_networks(patch)
    shutil.copy(SHIPPED, "params.yaml")
    change_params(Path(), {**CHANGES, **changes})
    write_data_set(Path("data/photos"))
    write_correction(Path("data/corrections"))
    prepare.main()


def patch_networks(patch: pytest.MonkeyPatch) -> None:
    """One process, the CPU, float32, and the two stubs under the names `stub` and `Stub`."""
    for name, value in {"DEVICE": "cpu", "WORKERS": "1", "LOADERS": "0"}.items():
        patch.setenv(f"CAMSEG_{name}", value)
    patch.setattr(torch.cpu, "get_capabilities", dict)  # no processor computes in bfloat16
    entry = {"encoder": StubEncoder, "params": {}, "pretrained_settings": {}}
    patch.setitem(smp.encoders.encoders, "stub", entry)
    patch.setitem(smp.MODEL_ARCHITECTURES_MAPPING, "stub", Stub)
    patch.setattr(smp, "Stub", Stub, raising=False)


def draw(sample: GoldenSample) -> tuple[np.ndarray, np.ndarray]:
    """The image, RGB uint8 (H, W, 3), and its ground truth uint8 (H, W) with open pixels in the last row."""
    rng = np.random.default_rng([19, ord(sample.name)])
    image, mask = draw_image_and_mask(rng, sample.size, sample.labels)
    mask[-1] = 255
    return image, mask


def write_data_set(folder: Path) -> None:
    """The data set as a folder with `labels.csv`, `images/` and `masks/`."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for sample in SAMPLES:
        image, mask = draw(sample)
        Image.fromarray(image).save(folder / "images" / f"{sample.name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{sample.name}.png")
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("image", "labels", "split", "score"))
        for sample in SAMPLES:
            labels = ";".join(CLASSES[label] for label in sample.labels)
            table.writerow((f"{sample.name}.png", labels, sample.split, int(sample.score)))


def write_correction(folder: Path) -> None:
    """The corrected mask: larger than the true one, so that another threshold suits it best."""
    (sample,) = (sample for sample in SAMPLES if sample.name == CORRECTED)
    (label,) = sample.labels
    true = (draw(sample)[1] == label + 1).astype(np.uint8)
    mask = np.array(Image.fromarray(true).filter(ImageFilter.MaxFilter(13))) * (label + 1)
    mask[0] = 255
    folder.mkdir(parents=True)
    Image.fromarray(mask).save(folder / f"{sample.name}.png")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))


class StubEncoder(nn.Module, EncoderMixin):
    """Colour detectors: a convolution of 1 x 3 pixels, relu, and means of 2 x 2, 4 x 4 and 8 x 8 pixels."""

    def __init__(self, depth: int = 5, output_stride: int = 32) -> None:
        super().__init__()
        self._depth, self._output_stride, self._in_channels = depth, output_stride, 3
        self._out_channels = [3] + [len(COLOURS)] * 5
        self.colours = nn.Conv2d(3, len(COLOURS), (1, 3), padding=(0, 1))
        with torch.no_grad():
            colours = torch.tensor(COLOURS)
            taps = torch.stack([LEFT * colours, HERE * colours, 0 * colours], -1)
            self.colours.weight.copy_(taps[:, :, None])
            self.colours.bias.copy_(torch.tensor(CHANNEL_BIAS))

    def make_dilated(self, output_stride: int) -> None:
        """The strides are what they are."""

    def forward(self, images: Tensor) -> list[Tensor]:
        activations = functional.relu(self.colours(images))
        depths = [images]
        for stride in (2, 4, 8, 8, 8):
            depths.append(functional.avg_pool2d(activations, stride))
        return depths


class Stub(SegmentationModel):
    """A score for every label from the colours of 4 x 4 pixels, brought to the image's size bilinearly."""

    @supports_config_loading
    def __init__(
        self,
        encoder_name: str = "stub",
        encoder_weights: str | None = None,
        in_channels: int = 3,
        classes: int = 1,
    ) -> None:
        super().__init__()
        self.encoder = smp.encoders.get_encoder(encoder_name, in_channels, weights=encoder_weights)
        self.decoder = TakeStrideFour()
        self.segmentation_head = nn.Sequential(
            nn.Conv2d(len(COLOURS), classes, 1), nn.Upsample(scale_factor=4, mode="bilinear")
        )
        self.classification_head = None
        with torch.no_grad():
            self.segmentation_head[0].weight.copy_(torch.tensor(HEAD[-classes:])[:, :, None, None])
            self.segmentation_head[0].bias.copy_(torch.tensor(HEAD_BIAS[-classes:]))


class TakeStrideFour(nn.Module):
    """Of the encoder's feature maps the one with a cell for 4 x 4 pixels."""

    def forward(self, features: list[Tensor]) -> Tensor:
        return features[2]


def write_classifier() -> None:
    """`models/classifier` with the layer FC, as `train_classifier` would save it."""
    net = make_classifier(load_params().classifier, CLASSES)
    with torch.no_grad():
        net.fc.weight.copy_(torch.tensor(FC))
        net.fc.bias.copy_(torch.tensor(FC_BIAS))
    save_classifier(Path("models/classifier"), net)


def write_segmentation(supervision: str) -> None:
    """`models/segmentation/SUPERVISION` as `train_segmentation` would save it, with the layer HEAD."""
    if not Path("models/classifier").exists():
        write_classifier()
    file = Path("models/classifier/model.safetensors")
    config = SegmentationConfig(CLASSES, LONG_SIDE)
    net = make_segmentation_net(load_params().segmentation, config, file, pretrained=False)
    save_segmentation_net(Path("models/segmentation") / supervision, net)
