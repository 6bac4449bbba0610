"""The formulas, against literal loops over the papers' equations, closed forms, and hand-computed maps."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pipeline.heatmaps.cam import cam, gradcam, gradcampp, hirescam, layercam, xgradcam

GRADIENT_METHODS = [gradcam, gradcampp, xgradcam, hirescam, layercam]


def realistic(
    seed: int, channels: int = 12, height: int = 16, width: int = 18
) -> tuple[Tensor, Tensor, Tensor]:
    """Activations (K, h, w) after a ReLU, weights (K,) around 0.05, and the GAP + FC head's gradients."""
    generator = torch.Generator().manual_seed(seed)
    activations = torch.randn(channels, height, width, generator=generator).relu()
    weights = 0.05 * torch.randn(channels, generator=generator)
    gradients = (weights / (height * width))[:, None, None].expand_as(activations)
    return activations, weights, gradients


def literal_gradcampp(activations: Tensor, gradients: Tensor) -> list[list[float]]:
    """Equation 19 and 5 of arXiv:1710.11063 in float64, pixel by pixel, with g^2 and g^3 as they stand."""
    a, g = activations.double().tolist(), gradients.double().tolist()
    channels, height, width = activations.shape
    heat = [[0.0] * width for _ in range(height)]
    for k in range(channels):
        total = sum(a[k][i][j] for i in range(height) for j in range(width))
        weight = 0.0
        for i in range(height):
            for j in range(width):
                gradient = g[k][i][j]
                if gradient == 0:
                    continue
                alpha = gradient**2 / (2 * gradient**2 + total * gradient**3)
                weight += alpha * max(gradient, 0.0)
        for i in range(height):
            for j in range(width):
                heat[i][j] += weight * a[k][i][j]
    return [[max(value, 0.0) for value in row] for row in heat]


def test_cam_by_hand() -> None:
    activations = torch.tensor([[[1.0, 2, 0], [0, 1, 3]], [[2.0, 0, 1], [1, 0, 0]]])
    # 2 * A_0 - 1 * A_1
    expected = torch.tensor([[0.0, 4, -1], [-1, 2, 6]])
    assert torch.equal(cam(activations, torch.tensor([2.0, -1.0])), expected)


def test_gradcam_by_hand() -> None:
    activations = torch.tensor([[[1.0, 2, 0], [0, 1, 3]], [[2.0, 0, 1], [1, 0, 0]]])
    gradients = torch.tensor([[[6.0, 0, 0], [0, 0, 0]], [[-1.0, -1, -1], [-1, -1, -1]]])
    # The gradients' means are 1 and -1: relu(A_0 - A_1).
    expected = torch.tensor([[0.0, 2, 0], [0, 1, 3]])
    assert torch.allclose(gradcam(activations, gradients), expected)


def test_gradcampp_by_hand() -> None:
    activations = torch.tensor([[[1.0, 2, 0], [0, 1, 4]]])  # S = 8
    gradients = torch.tensor([[[0.5, 0, 0], [0, -1.0, 0.25]]])
    # 0.5 / (2 + 8 * 0.5) + 0.25 / (2 + 8 * 0.25) = 1/12 + 1/16; the negative gradient counts nothing.
    assert torch.allclose(gradcampp(activations, gradients), activations[0] * (1 / 12 + 1 / 16))


def test_gradcampp_by_hand_with_negative_activations() -> None:
    activations = torch.tensor([[[1.0, -2, 0], [0, 3, -4]], [[-1.0, 0, 2], [0, -1, 4]]])  # S = -2 and 4
    gradients = torch.tensor([[[0.5, 0, 0], [0, -1.0, 0.25]], [[0.0, 1, 0], [0, 0, 0]]])
    # 0.5 / (2 - 2 * 0.5) + 0.25 / (2 - 2 * 0.25) = 2/3 and 1 / (2 + 4 * 1) = 1/6: relu(2/3 A_0 + 1/6 A_1).
    expected = torch.tensor([[1 / 2, 0, 1 / 3], [0, 11 / 6, 0]])
    assert torch.allclose(gradcampp(activations, gradients), expected)


@pytest.mark.parametrize("seed", range(3))
def test_gradcampp_against_the_literal_equation(seed: int) -> None:
    activations, _, _ = realistic(seed)
    gradients = 1e-3 * torch.randn(activations.shape, generator=torch.Generator().manual_seed(seed + 100))
    gradients[:, 0, 0] = 0
    expected = torch.tensor(literal_gradcampp(activations, gradients))
    assert torch.allclose(gradcampp(activations, gradients), expected.float(), rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_closed_forms_on_a_gap_head(seed: int) -> None:
    activations, weights, gradients = realistic(seed)
    raw = cam(activations, weights)
    assert torch.allclose(gradcam(activations, gradients), raw.relu() / raw.numel(), rtol=1e-4, atol=1e-9)
    means = activations.mean((1, 2))
    closed = cam(activations, weights.relu() / (2 + weights * means)).relu()
    assert torch.allclose(gradcampp(activations, gradients), closed, rtol=1e-4)


def test_an_eps_in_the_denominator_would_show() -> None:
    # The usual guard, g^2 / (2 g^2 + S g^3 + 1e-6), is far off at the gradients of a GAP head.
    activations, _, gradients = realistic(0)
    total = activations.sum((1, 2), keepdim=True)
    guarded = gradients**2 / (2 * gradients**2 + total * gradients**3 + 1e-6)
    wrong = torch.einsum("k,khw->hw", (guarded * gradients.relu()).sum((1, 2)), activations)
    ours = gradcampp(activations, gradients)
    wrong_shape, our_shape = wrong / wrong.max(), ours / ours.max()
    assert (wrong_shape - our_shape).abs().max() > 0.02


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_dead_activations_and_gradients_stay_zero(method: object) -> None:
    zeros = torch.zeros(4, 3, 5)
    ones = torch.ones(4, 3, 5)
    for activations, gradients in ((zeros, ones), (ones, zeros), (zeros, zeros)):
        assert torch.equal(method(activations, gradients), torch.zeros(3, 5))  # type: ignore[operator]


@given(st.integers(0, 10**6), st.permutations(range(6)))
def test_order_of_channels_does_not_matter(seed: int, order: list[int]) -> None:
    activations, weights, _ = realistic(seed, channels=6, height=4, width=7)
    gradients = 1e-2 * torch.randn(activations.shape, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(cam(activations[order], weights[order]), cam(activations, weights), atol=1e-6)
    for method in GRADIENT_METHODS:
        assert torch.allclose(
            method(activations[order], gradients[order]), method(activations, gradients), atol=1e-6
        )


@given(st.integers(0, 10**6))
def test_mirrored_inputs_give_mirrored_maps(seed: int) -> None:
    activations, weights, _ = realistic(seed, channels=5, height=4, width=7)
    gradients = 1e-2 * torch.randn(activations.shape, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(cam(activations.flip(-1), weights), cam(activations, weights).flip(-1), atol=1e-6)
    for method in GRADIENT_METHODS:
        mirrored = method(activations.flip(-1), gradients.flip(-1))
        assert torch.allclose(mirrored, method(activations, gradients).flip(-1), atol=1e-6)


@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_gradcam_scales_with_the_gradient(seed: int, factor: float) -> None:
    activations, _, gradients = realistic(seed, channels=5, height=4, width=7)
    scaled = gradcam(activations, factor * gradients)
    assert torch.allclose(scaled, factor * gradcam(activations, gradients), rtol=1e-4, atol=1e-8)
    assert math.isclose(float(scaled.min()), 0, abs_tol=1e-6) or float(scaled.min()) > 0


def test_leading_dimensions_broadcast() -> None:
    activations = torch.rand(2, 1, 6, 4, 5)
    gradients = torch.randn(2, 3, 6, 4, 5)
    together = gradcampp(activations, gradients)
    assert together.shape == (2, 3, 4, 5)
    for n in range(2):
        for p in range(3):
            assert torch.allclose(together[n, p], gradcampp(activations[n, 0], gradients[n, p]), atol=1e-6)


def literal(method: str, activations: Tensor, gradients: Tensor) -> Tensor:
    """XGrad-CAM (arXiv:2008.02312, eq. 8), HiResCAM (arXiv:2011.08891), LayerCAM (IEEE TIP 30) in float64."""
    a, g = activations.double().tolist(), gradients.double().tolist()
    channels, height, width = activations.shape
    cells = [(i, j) for i in range(height) for j in range(width)]
    heat = torch.zeros(height, width, dtype=torch.float64)
    for k in range(channels):
        total = sum(a[k][i][j] for i, j in cells)
        xgrad = sum(g[k][i][j] * a[k][i][j] for i, j in cells) / total if total else 0.0
        for i, j in cells:
            weight = {"xgradcam": xgrad, "hirescam": g[k][i][j], "layercam": max(g[k][i][j], 0.0)}[method]
            heat[i, j] += weight * a[k][i][j]
    return heat.clamp(min=0).float()


OTHERS = {"xgradcam": xgradcam, "hirescam": hirescam, "layercam": layercam}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("shift", [0.0, -0.2])  # with negative activations too, as SiLU gives them
def test_against_the_literal_definition(name: str, shift: float) -> None:
    activations, _, _ = realistic(4)
    gradients = 1e-3 * torch.randn(activations.shape, generator=torch.Generator().manual_seed(5))
    expected = literal(name, activations + shift, gradients)
    assert expected.max() > 0
    assert torch.allclose(OTHERS[name](activations + shift, gradients), expected, rtol=1e-4, atol=1e-6)


def test_xgradcam_by_hand() -> None:
    activations = torch.tensor([[[1.0, 2, 0], [0, 1, 4]], [[0.0, 0, 0], [0, 0, 0]]])  # S = 8 and 0
    gradients = torch.tensor([[[0.5, 0, 3], [0, -1.0, 0.25]], [[1.0, 1, 1], [1, 1, 1]]])
    # (0.5 * 1 - 1 * 1 + 0.25 * 4) / 8 = 1/16; the dead channel counts nothing.
    assert torch.allclose(xgradcam(activations, gradients), activations[0] / 16)


def test_xgradcam_by_hand_with_negative_activations() -> None:
    activations = torch.tensor([[[1.0, -3, 0], [0, -2, 1]], [[1.0, -1, 0], [0, 2, -2]]])  # S = -3 and 0
    gradients = torch.tensor([[[3.0, 0, 0], [0, 0, 3]], [[1.0, 0, 0], [0, 1, 0]]])
    # (3 * 1 + 3 * 1) / -3 = -2; the channel whose sum is 0 counts nothing, whatever it holds.
    assert torch.equal(xgradcam(activations, gradients), torch.tensor([[0.0, 6, 0], [0, 4, 0]]))


def test_hirescam_and_layercam_by_hand() -> None:
    activations = torch.tensor([[[1.0, 2, 0], [0, 1, 4]], [[1.0, 1, 1], [2, 0, 1]]])
    gradients = torch.tensor([[[0.5, 1, 3], [0, -1.0, 0.5]], [[-1.0, -1, 2], [1, 1, -1]]])
    # g_0 A_0 = [[0.5, 2, 0], [0, -1, 2]], g_1 A_1 = [[-1, -1, 2], [2, 0, -1]]
    assert torch.equal(hirescam(activations, gradients), torch.tensor([[0.0, 1, 2], [2, 0, 1]]))
    # Without the negative gradients: [[0.5, 2, 0], [0, 0, 2]] + [[0, 0, 2], [2, 0, 0]]
    assert torch.equal(layercam(activations, gradients), torch.tensor([[0.5, 2, 2], [2, 0, 2]]))


@pytest.mark.parametrize("seed", range(3))
def test_one_and_the_same_on_a_gap_head(seed: int) -> None:
    activations, weights, gradients = realistic(seed)
    scaled = cam(activations, weights) / activations[0].numel()
    for method in (gradcam, xgradcam, hirescam):
        assert torch.allclose(method(activations, gradients), scaled.relu(), rtol=1e-4, atol=1e-7)
    positive = cam(activations, weights.relu()) / activations[0].numel()
    assert torch.allclose(layercam(activations, gradients), positive, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_constant_gradients_may_be_one_number_per_channel(method: object) -> None:
    activations, _, gradients = realistic(7)
    short = gradients[..., :1, :1]
    full, brief = method(activations, gradients), method(activations, short)  # type: ignore[operator]
    assert full.max() > 0
    assert torch.allclose(brief, full, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_half_precision_agrees_with_float32_to_its_digits(method: object) -> None:
    activations, _, _ = realistic(8)
    gradients = 1e-2 * torch.randn(activations.shape, generator=torch.Generator().manual_seed(9))
    exact = method(activations, gradients)  # type: ignore[operator]
    rough = method(activations.bfloat16(), gradients.bfloat16()).float()  # type: ignore[operator]
    assert torch.isfinite(rough).all()
    assert (rough - exact).abs().max() < 0.03 * exact.max()
