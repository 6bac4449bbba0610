"""The random walk that spreads heat over what looks alike."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pipeline.heatmaps.multi_scale import TOGETHER
from pipeline.heatmaps.random_walk import affinities, spread, walk, walk_size
from pipeline.params import WalkParams

SIZE = (3, 4)
PARAMS = WalkParams(
    power=8, restart=0.02, scale=1.0, cells=500, features="classifier", weights="pretrained", share=0.5
)


def halves(first: int = 5) -> Tensor:
    """Features (1, 2, 3, 4) of two kinds: the first cells are of one kind, the others of the other."""
    flat = torch.zeros(1, 2, 12)
    flat[:, 0, :first] = 3
    flat[:, 1, first:] = 7
    return flat.reshape(1, 2, *SIZE)


def pyramid(count: int = 2) -> list[Tensor]:
    """Random features at three depths, coarser and finer than the grid."""
    torch.manual_seed(0)
    sizes = [(3, 12, 16), (8, 3, 4), (16, 2, 2)]
    return [torch.randn(count, k, h, w) for k, h, w in sizes]


@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 600))
def test_grid_has_no_more_cells_than_asked_for(height: int, width: int, cells: int) -> None:
    rows, columns = walk_size(height, width, cells)
    assert 1 <= rows <= height
    assert 1 <= columns <= width
    assert rows * columns <= cells
    factor = min(1.0, (cells / (height * width)) ** 0.5)
    if min(height, width) * factor >= 1:  # less than a cell is lost of each side
        assert height * factor - rows < 1 + 1e-9
        assert width * factor - columns < 1 + 1e-9
    if height * width <= cells:
        assert (rows, columns) == (height, width)


def probabilities(pyramid: list[Tensor], power: float) -> Tensor:
    """Where the walk goes next: the affinities, each row divided by its sum."""
    alike = affinities(pyramid, SIZE, power)
    return alike / alike.sum(2, keepdim=True)


def test_affinities_of_two_kinds_by_hand() -> None:
    affinity = affinities([halves()], SIZE, 8)
    # Centred over the cells the two kinds point in opposite directions: cosine 1 within, -1 between.
    assert torch.allclose(affinity[0, :5, :5], torch.ones(5, 5))
    assert torch.allclose(affinity[0, 5:, 5:], torch.ones(7, 7))
    assert not affinity[0, :5, 5:].any()


@pytest.mark.parametrize(("share", "expected"), [(0.25, 0.0), (0.75, 0.5**8), (1.0, 1.0)])
def test_another_encoder_joins_by_its_share_by_hand(share: float, expected: float) -> None:
    affinity = affinities([halves(5)], SIZE, 8, halves(7), share)[0]
    # Cells 0 and 5: of one kind to the other encoder (cosine 1), not to the classifier (-1).
    # (1 - share) (-1) + share: -0.5, 0.5 and 1, then the positive part to the power 8.
    assert affinity[0, 5] == pytest.approx(expected)
    assert affinity[0, 4] == pytest.approx(1)  # of one kind to both
    assert affinity[0, 11] == 0  # of one kind to none


def test_another_encoder_alone() -> None:
    torch.manual_seed(0)
    outer = torch.randn(2, 30, 5, 6)
    assert torch.equal(affinities(pyramid(), SIZE, 8, outer, 1.0), affinities([outer], SIZE, 8))


def test_affinities_against_a_loop() -> None:
    torch.manual_seed(0)
    # More channels than cells at the second and third depth, where a turned basis stands for them.
    depths = [torch.randn(1, k, h, w) for k, h, w in [(5, 3, 4), (30, 2, 3), (8, 2, 2)]]
    affinity = affinities(depths, SIZE, 3)[0]
    flat = [torch.nn.functional.interpolate(d.double(), SIZE, mode="bilinear")[0].flatten(1) for d in depths]
    for i in range(12):
        row = torch.zeros(12, dtype=torch.float64)
        for j in range(12):
            for d in flat:
                a, b = d[:, i] - d.mean(1), d[:, j] - d.mean(1)
                row[j] += a @ b / (a.norm() * b.norm()) / len(flat)
        assert torch.allclose(affinity[i].double(), row.clamp(min=0) ** 3, atol=1e-5)


def test_every_depth_counts_alike_whatever_its_scale() -> None:
    depths = pyramid()
    scaled = [depths[0] * 1000, depths[1], depths[2] * 0.01]
    assert torch.allclose(affinities(scaled, SIZE, 8), affinities(depths, SIZE, 8), atol=1e-5)


def test_depths_without_channels_are_left_out() -> None:
    depths = pyramid()
    with_empty = [depths[0], torch.zeros(2, 0, 6, 8), *depths[1:]]
    assert torch.equal(affinities(with_empty, SIZE, 8), affinities(depths, SIZE, 8))


def test_a_cell_at_the_mean_of_its_image_has_no_direction() -> None:
    corners = torch.tensor([[[[1.0, 5.0], [3.0, 9.1]]]]).expand(1, 2, 2, 2)
    size = (3, 3)  # its middle cell is the mean of the corners, but for rounding
    affinity = affinities([corners], size, 8)[0]
    assert not affinity[4, :4].any()
    assert affinity[4, 4] == 1


def test_an_image_of_one_colour_stays_as_it_is() -> None:
    affinity = affinities([torch.ones(1, 4, *SIZE)], SIZE, 8)
    assert torch.equal(affinity[0], torch.eye(12))
    heat = torch.rand(1, 2, *SIZE)
    assert torch.allclose(spread(heat, affinity, SIZE, 0.1), heat, atol=1e-5)


@pytest.mark.parametrize("grey", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 12, 16), (40, 4, 5)])
def test_rounding_gives_a_plain_image_no_directions(grey: float, shape: tuple[int, int, int]) -> None:
    plain = torch.linspace(grey, 1, shape[0])[None, :, None, None].expand(1, *shape)
    assert torch.equal(affinities([plain], SIZE, 8)[0], torch.eye(12))
    faint = plain.clone()
    faint[..., 0] += 1e-3  # a thousandth is no rounding
    assert (affinities([faint], SIZE, 8)[0] - torch.eye(12)).any()


def test_heat_spreads_within_its_own_kind_by_hand() -> None:
    heat = torch.zeros(1, 1, *SIZE)
    heat[0, 0, 0, 1] = 1
    spread_heat = spread(heat, affinities([halves()], SIZE, 8), SIZE, 0.2)[0, 0].flatten()
    # Within the five: y = r heat + (1 - r) mean(heat), as P is their mean: 0.36 here, 0.16 there.
    assert torch.allclose(spread_heat[:5], torch.tensor([0.16, 0.36, 0.16, 0.16, 0.16]), atol=1e-5)
    assert not spread_heat[5:].any()


@pytest.mark.parametrize("restart", [0.02, 0.3, 1.0])
def test_spread_is_the_sum_over_all_lengths_of_the_walk(restart: float) -> None:
    depths = pyramid()
    heat = torch.rand(2, 3, *SIZE)
    step = heat.flatten(2).transpose(1, 2).double()
    total = torch.zeros_like(step)
    for _ in range(2000):
        total += restart * step
        step = (1 - restart) * probabilities(depths, 2).double() @ step
    expected = total.transpose(1, 2).reshape(2, 3, *SIZE)
    assert torch.allclose(
        spread(heat, affinities(depths, SIZE, 2), SIZE, restart).double(), expected, atol=1e-4
    )


def test_maps_keep_their_size_and_dead_maps_stay_zero() -> None:
    heat = torch.rand(2, 3, 7, 9)
    heat[0, 1] = 0
    result = walk({"cam": heat, "gradcampp": heat * 2}, pyramid(), PARAMS)
    assert result["cam"].shape == heat.shape
    assert not result["cam"][0, 1].any()
    assert torch.allclose(result["cam"], result["gradcampp"], atol=1e-5)
    live = result["cam"].amax((-2, -1))[heat.amax((-2, -1)) > 0]
    assert torch.equal(live, torch.ones(5))
    assert result["cam"].min() >= 0


@pytest.mark.parametrize("factors", [(1.0, 0.5), (0.1, 1.0), (1.0, 1.0)])
def test_together_maps_keep_the_proportions_of_each_method(factors: tuple[float, float]) -> None:
    heat = torch.rand(1, 1, 7, 9)
    maps = torch.cat([heat * factor for factor in factors], 1)
    result = walk({"cam": maps, "gradcampp": maps * 3}, [d[:1] for d in pyramid()], PARAMS, TOGETHER)
    assert torch.allclose(result["cam"], result["gradcampp"], atol=1e-5)
    peaks = torch.tensor([factors]) / max(factors)
    assert torch.allclose(result["cam"].amax((-2, -1)), peaks, atol=1e-5)


def test_a_image_does_not_depend_on_its_batch() -> None:
    heat, depths = torch.rand(2, 3, 7, 9), pyramid()
    both = walk({"cam": heat}, depths, PARAMS)["cam"]
    alone = walk({"cam": heat[1:]}, [d[1:] for d in depths], PARAMS)["cam"]
    assert torch.allclose(both[1:], alone, atol=1e-5)
