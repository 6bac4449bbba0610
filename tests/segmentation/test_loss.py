"""The balanced cross-entropy."""

import math

import numpy as np
import pytest
import torch

from pipeline.segmentation.loss import background_shift, balanced_cross_entropy


def test_by_hand() -> None:
    # Two labels; softmax of (0, 0) gives log 2 for either; (2, 0): log(1 + e^-2) for 0, 2 + that for 1.
    logits = torch.tensor([[[[0.0, 2, 2]], [[0.0, 0, 0]]]])
    masks = torch.tensor([[[0, 0, 1]]])
    certain = math.log(1 + math.exp(-2))
    background, foreground = (math.log(2) + certain) / 2, 2 + certain
    assert balanced_cross_entropy(logits, masks).item() == pytest.approx((background + foreground) / 2)


def test_ignored_pixels_count_nowhere() -> None:
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    masks = torch.randint(0, 3, (2, 4, 5))
    masks[0, 1] = 255
    balanced_cross_entropy(logits, masks).backward()
    assert logits.grad is not None
    assert not logits.grad[0, :, 1].any()
    assert logits.grad[0, :, 0].any()


@pytest.mark.parametrize("label", [0, 2])
def test_an_empty_half_leaves_the_mean_of_the_other(label: int) -> None:
    logits = torch.randn(1, 3, 4, 5)
    masks = torch.full((1, 4, 5), label)
    expected = torch.nn.functional.cross_entropy(logits, masks)
    assert balanced_cross_entropy(logits, masks).item() == pytest.approx(expected.item(), rel=1e-6)


def test_no_known_pixel_gives_zero_with_a_gradient() -> None:
    logits = torch.randn(1, 3, 4, 5, requires_grad=True)
    loss = balanced_cross_entropy(logits, torch.full((1, 4, 5), 255))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_balance_does_not_depend_on_the_share_of_foreground() -> None:
    # Same mean loss on both sides, 1 foreground pixel of 20: half of the loss is still its own.
    logits = torch.zeros(1, 2, 4, 5, requires_grad=True)
    masks = torch.zeros(1, 4, 5, dtype=torch.int64)
    masks[0, 2, 3] = 1
    balanced_cross_entropy(logits, masks).backward()
    assert logits.grad is not None
    total = logits.grad.abs().sum()
    assert logits.grad[0, :, 2, 3].abs().sum() / total == pytest.approx(0.5)


def test_shift_is_taken_off_the_background_only() -> None:
    logits, masks = torch.randn(1, 3, 4, 5), torch.randint(0, 3, (1, 4, 5))
    lowered = logits.clone()
    lowered[:, 0] -= 0.7
    shifted = balanced_cross_entropy(logits, masks, shift=0.7)
    assert shifted.item() == pytest.approx(balanced_cross_entropy(lowered, masks).item())
    assert shifted.item() != pytest.approx(balanced_cross_entropy(logits, masks).item())


def test_background_shift_by_hand() -> None:
    # 6 background and 2 foreground pixels, one ignored: log(6 / 2) in full.
    masks = [np.array([[0, 0, 0], [0, 2, 255]], np.uint8), np.array([[0, 0, 1]], np.uint8)]
    assert background_shift(masks, 1.0) == pytest.approx(math.log(3))
    assert background_shift(masks, 0.5) == pytest.approx(math.log(3) / 2)
    assert background_shift(masks, 0.0) == 0
    assert background_shift(masks[1:], 1.0) == pytest.approx(math.log(2))
    assert background_shift([np.zeros((2, 3), np.uint8)], 1.0) == 0
