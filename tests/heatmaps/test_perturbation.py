"""Probabilities under erasure, on networks whose answer is known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.heatmaps.perturbation import (
    area_under,
    deletion_curve,
    inpaint,
    insertion_curve,
    probability_drops,
    rank_correlation,
    with_random_weights,
)


class Brightness(nn.Module):
    """Logit 1: 8 * mean red of the left half - 4; logit 0 is constant."""

    def forward(self, images: Tensor) -> Tensor:
        left = images[:, 0, :, : images.shape[-1] // 2].mean((1, 2))
        return torch.stack([torch.zeros_like(left), 8 * left - 4], 1)


def example() -> tuple[Tensor, Tensor, Tensor]:
    """4 x 10 pixels, red in the left half, and heat that names that half or the other one."""
    image = torch.zeros(3, 4, 10)
    image[0, :, :5] = 1
    return image, image[0], 1 - image[0]


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.mark.parametrize("size", [(1, 64), (64, 2), (1, 1)])
def test_insertion_into_thin_images(size: tuple[int, int]) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    curve = insertion_curve(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), image, 1, image[0], 4)
    assert curve.shape == (5,)
    assert torch.isfinite(curve).all()


def test_deletion_by_hand() -> None:
    image, right, wrong = example()
    # Mean red is 0.5: the left half goes from 1 to 0.5 within the first half of the steps.
    expected = [sigmoid(8 * left - 4) for left in (1, 0.75, 0.5, 0.5, 0.5)]
    assert deletion_curve(Brightness(), image, 1, right, 4).tolist() == pytest.approx(expected)
    late = [sigmoid(8 * left - 4) for left in (1, 1, 1, 0.75, 0.5)]
    assert deletion_curve(Brightness(), image, 1, wrong, 4).tolist() == pytest.approx(late)


def test_insertion_ends_with_the_whole_image_and_prefers_the_right_heat() -> None:
    image, right, wrong = example()
    good, bad = (insertion_curve(Brightness(), image, 1, heat, 4) for heat in (right, wrong))
    assert good[-1] == bad[-1] == Brightness()(image[None])[0, 1].sigmoid()
    assert good[0] == bad[0] < good[-1]  # the blur lets red out of the left half
    assert area_under(good) > area_under(bad)
    assert good[2] == good[-1]  # half of the pixels: the whole left half


def test_area_of_a_ramp() -> None:
    assert area_under(torch.tensor([0.0, 0.5, 1.0])) == pytest.approx(0.5)
    assert area_under(torch.tensor([1.0, 0.0, 0.0])) == pytest.approx(0.25)


def test_drops_by_hand() -> None:
    image, right, wrong = example()
    generator = torch.Generator().manual_seed(0)
    hot, random = probability_drops(Brightness(), image, 1, right, 0.5, generator)
    assert hot == pytest.approx(sigmoid(4) - sigmoid(0))
    assert 0 <= random <= hot
    nothing, _ = probability_drops(Brightness(), image, 1, wrong, 0.5, generator)
    assert nothing == pytest.approx(0)


def test_a_random_part_is_another_one_for_another_seed() -> None:
    image, right, _ = example()
    result = {
        round(probability_drops(Brightness(), image, 1, right, 0.25, torch.Generator().manual_seed(s))[1], 4)
        for s in range(8)
    }
    assert len(result) > 2


def test_painting_takes_the_object_and_nothing_far_from_it() -> None:
    image = np.full((60, 100, 3), 100, np.uint8)
    part = np.zeros((60, 100), bool)
    part[20:40, 40:60] = True
    image[part] = 250
    image[19, 40] = 250  # its outline: within the margin of 3 pixels
    image[5, 5] = 7
    painted = inpaint(image, part)
    assert painted is not None
    assert np.abs(painted[10:50, 30:70].astype(int) - 100).max() <= 5  # the surroundings' grey
    assert np.array_equal(painted[5, 5], [7, 7, 7])
    assert image[30, 50, 0] == 250  # a copy


def net() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_random_weights_leave_the_original_alone() -> None:
    original = net()
    before = [p.clone() for p in original.parameters()]
    twin = with_random_weights(original, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, original.parameters(), strict=True))
    assert not torch.equal(twin[0].weight, original[0].weight)  # type: ignore[index]
    assert not twin.training


def test_only_one_layer_starts_anew() -> None:
    original = net()
    twin = with_random_weights(original, 0, only=original[3])
    assert torch.equal(twin[0].weight, original[0].weight)  # type: ignore[index]
    assert not torch.equal(twin[3].weight, original[3].weight)  # type: ignore[index]


def test_random_weights_come_from_the_seed_alone() -> None:
    original = net()
    first = with_random_weights(original, 5)
    state = torch.random.get_rng_state()
    torch.rand(3)
    second = with_random_weights(original, 5)
    assert torch.equal(first[0].weight, second[0].weight)  # type: ignore[index]
    torch.random.set_rng_state(state)
    with_random_weights(original, 6)
    assert torch.equal(torch.random.get_rng_state(), state)  # the global generator goes on as before


def test_rank_correlation_against_scipy_and_by_hand() -> None:
    stats = pytest.importorskip("scipy.stats")
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(5, 7, generator=generator)
    second = (torch.rand(5, 7, generator=generator) - 0.5).relu() + 0.1 * first.round()  # with equal values
    expected = stats.spearmanr(first.flatten(), second.flatten()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-9)
    assert rank_correlation(first, first.exp()) == pytest.approx(1)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    assert math.isnan(rank_correlation(first, torch.zeros(5, 7)))
