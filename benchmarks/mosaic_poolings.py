"""Which pooling learns from the labels of large images? Heads on a frozen encoder, trained on mosaics.

    python -m benchmarks.mosaic_poolings OUT --weights mobilenet_v2.safetensors --side 480

OUT is the folder that `benchmarks.mosaics` wrote. The encoder looks at each mosaic once, `--side` pixels
large. Its last feature map is reduced to 96 principal components of the training cells, and kept in
OUT/features.npz. For each pooling, a fully connected layer learns 150 steps of 32 mosaics, at three seeds:

* `mean`, and shares of the top cells (0.001: the top one);
* `lse R`: log-sum-exp, 1 / R log mean exp(R z) of the cells' logits z, Pinheiro and Collobert 2015;
* `tiles`: the labels of the tiles, each with the mean of its cells; the largest tile speaks for the mosaic.

The table has, on `val`, the mean average precision of mosaics and that of their tiles, by the mean of their
cells' logits. On training mosaics with labels it has the IoU of objects of CAM at the best of 24 thresholds,
at a quarter of the height and width; with `tiles`, CAM is made for each tile with a label. This is a
screening and no run: the encoder does not learn.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.tables import Outcome, markdown
from pipeline.base.files import read_csv, write_npz
from pipeline.commands.photo_tiles import NAME
from pipeline.data.images import IGNORE, read_image, read_mask, resize_mask
from pipeline.data.resize import image_tensor
from pipeline.engine.normalise import Normalise
from pipeline.engine.weights import make_encoder
from pipeline.evaluation.means import mean_present
from pipeline.evaluation.ranking import average_precision

POOLINGS = ("mean", "0.001", "0.02", "0.05", "0.1", "lse 1", "lse 4", "tiles")
COMPONENTS, STEPS, BATCH, RATE = 96, 150, 32, 1e-2
THRESHOLDS = np.arange(1, 25) / 25
SHRINK = 4  # sides of the masks that heat is scored on


@dataclass(frozen=True)
class Mosaics:
    """The cells of all mosaics, and what they show."""

    cells: Tensor  # float32 (N, K, h, w)
    labels: Tensor  # float32 (N, C)
    tiles: Tensor  # float32 (N, grid^2, C): the labels of the tiles, row by row
    train: Tensor  # bool (N,)
    masks: Sequence[Path]

    @property
    def grid(self) -> int:
        """Tiles along a side."""
        return math.isqrt(self.tiles.shape[1])

    def of_tiles(self, cells: Tensor) -> Tensor:
        """The mean over the cells of each tile, (N, K, h, w) -> (N, grid^2, K)."""
        return functional.adaptive_avg_pool2d(cells, (self.grid, self.grid)).flatten(2).transpose(1, 2)


@dataclass(frozen=True)
class Head:
    """A fully connected layer."""

    weight: Tensor  # (C, K)
    bias: Tensor  # (C,)

    def cells(self, cells: Tensor) -> Tensor:
        """Logits (N, C, h, w) of cells (N, K, h, w)."""
        return functional.conv2d(cells, self.weight[:, :, None, None], self.bias)


def main() -> None:
    """Train all heads and print the table."""
    parser = argparse.ArgumentParser(
        "benchmarks.mosaic_poolings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="OUT")
    parser.add_argument("--weights", required=True, metavar="FILE", help="of MobileNetV2")
    parser.add_argument("--side", type=int, required=True, metavar="PIXELS", help="of the mosaics, as seen")
    given = parser.parse_args()
    mosaics = read_mosaics(given.folder, given.weights, given.side)
    outcomes = []
    for pooling in POOLINGS:
        for seed in range(3):
            outcomes.append(Outcome(pooling, seed, scores(mosaics, pooling, seed)))
        print(markdown(outcomes, "pooling"), flush=True)


def read_mosaics(folder: Path, weights: str, side: int) -> Mosaics:
    """The mosaics with the features of the encoder, which are computed once."""
    rows, tile_rows = (read_csv(folder / name / "labels.csv") for name in ("mosaics", "tiles"))
    classes = (folder / "mosaics/classes.txt").read_text(encoding="utf-8").split()
    names = [Path(row["image"]).stem for row in rows]
    train = torch.tensor([row["split"] == "train" for row in rows])
    of_mosaic: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for row in tile_rows:
        if place := NAME.fullmatch(Path(row["image"]).stem):
            of_mosaic[place[1]].append((int(place[2]), int(place[3]), row["labels"]))
    tiles = [[hot(labels, classes) for *_, labels in sorted(of_mosaic[name])] for name in names]
    file = folder / "features.npz"
    if not file.exists():
        images = [folder / "mosaics/images" / row["image"] for row in rows]
        write_npz(file, {"cells": reduced(features(images, weights, side), train).numpy()})
    with np.load(file, allow_pickle=False) as arrays:
        cells = torch.tensor(arrays["cells"])
    labels = torch.tensor([hot(row["labels"], classes) for row in rows])
    masks = [folder / "mosaics/masks" / f"{name}.png" for name in names]
    return Mosaics(cells, labels, torch.tensor(tiles), train, masks)


def hot(labels: str, classes: Sequence[str]) -> list[float]:
    """The labels of a cell of the table as 0 and 1."""
    return [float(name in labels.split(";")) for name in classes]


@torch.inference_mode()
def features(images: Sequence[Path], weights: str, side: int) -> Tensor:
    """The last feature map of each image, (N, K, h, w)."""
    encoder, normalise = make_encoder("mobilenet_v2", weights).eval(), Normalise()
    return torch.cat([encoder(normalise(image_tensor(read_image(f), side)[None]))[-1] for f in images])


def reduced(cells: Tensor, train: Tensor) -> Tensor:
    """The first principal components of cells (N, K, h, w), in units of the largest standard deviation."""
    own = cells[train]
    centred = (cells - own.mean((0, 2, 3), keepdim=True)) / (own.std((0, 2, 3), keepdim=True) + 1e-3)
    sampled = centred[train][:, :, ::3, ::3].transpose(0, 1).flatten(1)
    axes = torch.linalg.eigh(sampled @ sampled.T / sampled.shape[1]).eigenvectors[:, -COMPONENTS:]
    turned = torch.einsum("kd,nkhw->ndhw", axes, centred)
    return turned / turned[train].std((0, 2, 3)).max()


def pooled(logits: Tensor, pooling: str) -> Tensor:
    """Logits (N, C) of images from those of their cells, (N, C, h, w)."""
    flat = logits.flatten(2)
    if pooling == "mean":
        return flat.mean(2)
    if pooling.startswith("lse"):
        sharpness = float(pooling.split()[1])
        return (torch.logsumexp(sharpness * flat, 2) - math.log(flat.shape[2])) / sharpness
    return flat.topk(max(1, round(float(pooling) * flat.shape[2])), 2).values.mean(2)


def trained(mosaics: Mosaics, pooling: str, seed: int) -> Head:
    """The head after its training."""
    generator = torch.Generator().manual_seed(seed)
    cells, of_tiles = mosaics.cells[mosaics.train], mosaics.of_tiles(mosaics.cells)[mosaics.train]
    labels, tile_labels = mosaics.labels[mosaics.train], mosaics.tiles[mosaics.train]
    weight = 0.01 * torch.randn(labels.shape[1], cells.shape[1], generator=generator)
    head = Head(weight.requires_grad_(), torch.zeros(labels.shape[1], requires_grad=True))
    optimizer = torch.optim.AdamW([head.weight, head.bias], lr=RATE, weight_decay=0.01)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        drawn = torch.randperm(len(cells), generator=generator)[:BATCH]
        if pooling == "tiles":
            logits, targets = of_tiles[drawn] @ head.weight.T + head.bias, tile_labels[drawn]
        else:
            logits, targets = pooled(head.cells(cells[drawn]), pooling), labels[drawn]
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(logits, targets).backward()
        optimizer.step()
    return Head(head.weight.detach(), head.bias.detach())


def scores(mosaics: Mosaics, pooling: str, seed: int) -> dict[str, float | None]:
    """The scores of the head of one pooling and seed."""
    head, val = trained(mosaics, pooling, seed), ~mosaics.train
    logits = head.cells(mosaics.cells[val])
    of_tiles = mosaics.of_tiles(logits)
    of_images = of_tiles.amax(1) if pooling == "tiles" else pooled(logits, pooling)
    return {
        "mAP": mean_ap(mosaics.labels[val], of_images),
        "mAP of tiles": mean_ap(mosaics.tiles[val].flatten(0, 1), of_tiles.flatten(0, 1)),
        "CAM, objects": cam_iou(mosaics, head, known_tiles=pooling == "tiles"),
    }


def mean_ap(labels: Tensor, logits: Tensor) -> float:
    """Mean average precision of (N, C)."""
    return mean_present(average_precision(labels.numpy(), logits.sigmoid().numpy()))


def cam_iou(mosaics: Mosaics, head: Head, *, known_tiles: bool) -> float:
    """The IoU of objects, mean over the classes, at the best threshold."""
    classes = mosaics.labels.shape[1]
    shared, either = np.zeros((2, len(THRESHOLDS), classes))
    for index in (mosaics.train & mosaics.labels.any(1)).nonzero()[:, 0].tolist():
        mask = read_mask(mosaics.masks[index])
        size = mask.shape[0] // SHRINK, mask.shape[1] // SHRINK
        truth, known = resize_mask(mask, size), resize_mask(mask, size) != IGNORE
        cam = (head.cells(mosaics.cells[index][None]) - head.bias[:, None, None]).relu()
        heat = functional.interpolate(cam, size, mode="bilinear", align_corners=False)[0]
        shown = mosaics.tiles[index] if known_tiles else mosaics.labels[index][None]
        heat = divided(heat, shown)
        best, peak = heat.argmax(0).numpy(), heat.amax(0).numpy()
        for label in range(classes):
            marked = (best == label) & known & (peak > THRESHOLDS[:, None, None])
            shared[:, label] += (marked & (truth == label + 1)).sum((1, 2))
            either[:, label] += (marked | (truth == label + 1)).sum((1, 2))
    return float((shared / np.maximum(1, either)).mean(1).max())


def divided(heat: Tensor, shown: Tensor) -> Tensor:
    """Heat (C, H, W), of classes that are not shown 0, else divided by its maximum in each part.

    Args:
        shown: float32 (parts, C); the parts are a square grid, row by row.
    """
    grid, result = math.isqrt(len(shown)), torch.zeros_like(heat)
    rows, columns = (torch.linspace(0, side, grid + 1).round().int().tolist() for side in heat.shape[1:])
    for part, labels in enumerate(shown):
        row, column = divmod(part, grid)
        place = np.s_[:, rows[row] : rows[row + 1], columns[column] : columns[column + 1]]
        own = heat[place]
        result[place] = own / own.amax((1, 2), keepdim=True).clamp(min=1e-6) * labels[:, None, None]
    return result


if __name__ == "__main__":
    main()
