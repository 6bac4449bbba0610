"""Heads on a frozen encoder: poolings, heat of parts, and what they learn of cells that are easy."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.mosaic_poolings import Head, Mosaics, cam_iou, divided, pooled, reduced, scores
from pipeline.data.images import write_mask


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", 1.75),
        ("0.5", 4.5),
        ("0.001", 6.0),
        ("lse 1", math.log((1 + math.exp(6) + math.exp(3) + math.exp(-2)) / 4)),
        ("lse 4", math.log((1 + math.exp(24) + math.exp(12) + math.exp(-8)) / 4) / 4),
    ],
)
def test_poolings(pooling: str, expected: float) -> None:
    logits = torch.tensor([[[[0.0, 6.0], [3.0, -2.0]]]])
    assert pooled(logits, pooling).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shown", [(1, 0, 0, 1), (0, 1, 0, 0), (0, 0, 0, 0)])
def test_heat_of_tiles_is_divided_in_each(shown: tuple[int, ...]) -> None:
    heat = torch.tensor([[[1.0, 2, 4, 8], [0, 1, 2, 2], [3, 3, 1, 0], [6, 1, 0, 5]]])
    whole = torch.tensor([[[0.5, 1, 0.5, 1], [0, 0.5, 0.25, 0.25], [0.5, 0.5, 0.2, 0], [1, 1 / 6, 0, 1]]])
    mask = torch.tensor(shown).reshape(2, 2).repeat_interleave(2, 0).repeat_interleave(2, 1)
    torch.testing.assert_close(divided(heat, torch.tensor(shown).float()[:, None]), whole * mask)


def easy(tmp_path: Path) -> Mosaics:
    """Mosaics of 2 x 2 tiles of 2 x 2 cells; one cell of channel 0 shows the class, channel 1 is noise."""
    generator = torch.Generator().manual_seed(0)
    cells, tiles, masks = torch.randn((40, 2, 4, 4), generator=generator) * 0.1, torch.zeros(40, 4, 1), []
    for number in range(40):
        mask = np.zeros((64, 64), np.uint8)
        if number % 2:
            row, column = number % 4, number // 4 % 4
            cells[number, 0, row, column] = 3
            tiles[number, row // 2 * 2 + column // 2] = 1
            mask[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = 1
        masks.append(tmp_path / f"{number}.png")
        write_mask(masks[-1], mask)
    return Mosaics(cells, tiles.amax(1), tiles, torch.arange(40) < 28, masks)


@pytest.mark.parametrize("pooling", ["0.1", "lse 4", "tiles"])
def test_easy_cells_are_learned(tmp_path: Path, pooling: str) -> None:
    found = scores(easy(tmp_path), pooling, 0)
    assert found["mAP"] == 1
    assert found["mAP of tiles"] == 1
    assert (found["CAM, objects"] or 0) > 0.3


@pytest.mark.parametrize(("weight", "iou"), [((1.0, 0.0), 0.4), ((-1.0, 0.0), 0.0)])
def test_heat_is_scored_on_objects_of_training_mosaics(
    tmp_path: Path, weight: tuple[float, float], iou: float
) -> None:
    head = Head(torch.tensor([weight]), torch.tensor([5.0]))
    value = cam_iou(easy(tmp_path), head, known_tiles=False)
    assert value > iou if iou else value < 0.1


@pytest.mark.parametrize("count", [5, 20])
def test_components_keep_products_of_cells(count: int) -> None:
    cells = torch.randn(count, 8, 6, 6)
    turned = reduced(cells, torch.arange(count) < count - 1)
    assert turned.shape == cells.shape  # 8 channels, fewer than 96
    own = cells[: count - 1]
    centred = (cells - own.mean((0, 2, 3), keepdim=True)) / (own.std((0, 2, 3), keepdim=True) + 1e-3)
    ratio = (turned.flatten(2).norm(dim=1) / centred.flatten(2).norm(dim=1)).flatten()
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-3, atol=1e-4)
