"""Scales and flips."""

import pytest
import torch
from torch import Tensor

from pipeline.base.sizes import grid_size
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.multi_scale import TOGETHER, evened, fuse, normalise
from tests.heatmaps.nets import GapNet


def test_grid_covers_the_image() -> None:
    assert grid_size(120, 161) == (30, 41)


def test_normalise_by_hand_and_dead_maps() -> None:
    heat = torch.tensor([[[0.0, 2], [4, 1]], [[0.0, 0], [0, 0]]])
    expected = torch.tensor([[[0.0, 0.5], [1, 0.25]], [[0.0, 0], [0, 0]]])
    assert torch.equal(normalise(heat), expected)


@pytest.mark.parametrize("peak", [8.0, 4.0, 1.0])
def test_maps_of_one_image_may_share_a_maximum(peak: float) -> None:
    # Two images of two maps; the strongest of each image has the maximum 1.
    heat = torch.tensor([[[[0.0, 2]], [[peak, 1]]], [[[1.0, 4]], [[0, 0]]]])
    top = max(peak, 2)
    expected = torch.tensor([[[[0.0, 2 / top]], [[peak / top, 1 / top]]], [[[0.25, 1]], [[0, 0]]]])
    assert torch.equal(normalise(heat, TOGETHER), expected)


@pytest.mark.parametrize(("peak", "expected"), [(1.0, 1.0), (0.25, 0.5), (0.01, 0.1), (0.0, 0.0)])
def test_evened_maps_have_the_root_of_their_maximum(peak: float, expected: float) -> None:
    heat = torch.tensor([[[[1.0, 0.5]], [[peak, peak / 4]]]])
    by_hand = torch.tensor([[[[1.0, 0.5]], [[expected, expected / 4]]]])
    assert torch.allclose(evened(heat), by_hand)


def test_negative_heat_counts_against_its_neighbours_in_resizing() -> None:
    # Half as wide, a cell is the mean of two: [(6 - 2) / 2, (0 + 8) / 2] -> [0.5, 1]. relu first: [0.75, 1].
    maps = torch.tensor([[[[6.0, -2, 0, 8]]]])
    fused = fuse(lambda _: {"cam": maps}, [torch.zeros(1, 3, 4, 8)], (1, 2), flip=False)
    assert torch.equal(fused["cam"], torch.tensor([[[[0.5, 1]]]]))


def test_negative_heat_is_dropped_before_the_sum() -> None:
    # Scale 1: [3, -5], scale 2: [1, 2]. relu first: [4, 2] -> [1, 0.5]; sum first: [4, -3] -> [1, 0].
    answers = iter([torch.tensor([[[[3.0, -5.0]]]]), torch.tensor([[[[1.0, 2.0]]]])])
    images = torch.zeros(1, 3, 4, 8)
    fused = fuse(lambda _: {"cam": next(answers)}, [images, images], (1, 2), flip=False)
    assert torch.equal(fused["cam"], torch.tensor([[[[1.0, 0.5]]]]))


def test_scales_keep_their_proportions() -> None:
    # Divided one by one, both scales would count alike: [1, 0.5 + 1] -> [0.67, 1].
    answers = iter([torch.tensor([[[[10.0, 5.0]]]]), torch.tensor([[[[0.0, 1.0]]]])])
    images = torch.zeros(1, 3, 4, 8)
    fused = fuse(lambda _: {"cam": next(answers)}, [images, images], (1, 2), flip=False)
    assert torch.allclose(fused["cam"], torch.tensor([[[[1.0, 0.6]]]]))


def test_mirrored_map_is_turned_back_and_added() -> None:
    # [4, 0] + [3, 2], which is [2, 3] turned back -> [1, 2/7]. The larger of both would give [1, 0.5].
    answers = iter([torch.tensor([[[[4.0, 0.0]]]]), torch.tensor([[[[2.0, 3.0]]]])])
    fused = fuse(lambda _: {"cam": next(answers)}, [torch.zeros(1, 3, 4, 8)], (1, 2), flip=True)
    assert torch.allclose(fused["cam"], torch.tensor([[[[1.0, 2 / 7]]]]))


def test_fused_map_of_the_mirrored_image_is_the_mirrored_map() -> None:
    net = GapNet().eval()
    pyramid = [torch.rand(2, 3, 20, 26), torch.rand(2, 3, 30, 39)]

    def make_maps(images: Tensor) -> dict[str, Tensor]:
        return class_maps(net, images, [(0, 1), (2,)], ("cam", "gradcampp"), net.target).maps

    straight = fuse(make_maps, pyramid, (5, 7), flip=True)
    mirrored = fuse(make_maps, [images.flip(-1) for images in pyramid], (5, 7), flip=True)
    alone = fuse(make_maps, pyramid, (5, 7), flip=False)
    for method, heat in straight.items():
        assert torch.allclose(mirrored[method], heat.flip(-1), atol=1e-6)
        assert not torch.allclose(alone[method], heat, atol=1e-3)
        assert heat.min() >= 0
        assert heat.max() == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_map_that_is_not_finite_is_never_a_silent_zero_map(value: float) -> None:
    maps = torch.tensor([[[[1.0, value]]]])
    with pytest.raises(ArithmeticError, match="a heatmap is not finite"):
        fuse(lambda _: {"cam": maps}, [torch.zeros(1, 3, 4, 8)], (1, 2), flip=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_bad_map_among_good_ones_is_an_error(value: float) -> None:
    with pytest.raises(ArithmeticError, match="a heatmap is not finite"):
        normalise(torch.tensor([[[1.0, 2]], [[1.0, value]]]))
