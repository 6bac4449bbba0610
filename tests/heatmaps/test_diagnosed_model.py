"""Single images under the diagnosis, with networks of which it is known what they look at."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.data.manifest import Sample
from pipeline.evaluation.diagnosis import ImageDiagnosis
from pipeline.heatmaps.diagnosed_model import (
    PAINTED,
    DiagnosedModel,
    background_logits,
    diagnose_image,
    make_diagnosed_model,
)
from pipeline.heatmaps.layers import TargetLayer
from pipeline.heatmaps.perturbation import inpaint

RED, BLUE = 0, 1  # classes: the first network's logit 0 grows with red, its logit 1 with blue


class ColourReader(nn.Module):
    """GAP + FC on cells of 4 x 4 pixels; the feature map is the mean colour of each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 3, 4, stride=4, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(3, 2)
        with torch.no_grad():
            self.cells.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4) / 16)
            self.fc.weight.copy_(torch.tensor([[40.0, 0, 0], [0, 0, 10.0]]))
            self.fc.bias.copy_(torch.tensor([-2.0, -4.0]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(self.cells(images)).flatten(1))
        return logits


@pytest.fixture
def model() -> DiagnosedModel:
    net = ColourReader().eval()
    target = TargetLayer(net.pool, "input", pooled=net.fc, linear_head=True)
    return make_diagnosed_model(net, net.fc, target, "cam", 80)


def red_disc_on_water() -> tuple[np.ndarray, np.ndarray]:
    """48 x 80 pixels of water in class BLUE's colour with a red object, and the object's mask."""
    image = np.zeros((48, 80, 3), np.uint8)
    image[..., 2] = 200
    mask = np.zeros((48, 80), np.uint8)
    mask[16:32, 32:56] = 1
    image[mask > 0] = (230, 0, 0)
    return image, mask


def sample(*labels: int) -> Sample:
    return Sample("image", "picture.png", "", 48, 80, labels, "val", True, True)


def looked(
    model: DiagnosedModel, shown: Sample, image: np.ndarray, mask: np.ndarray | None, detailed: list[int]
) -> list[ImageDiagnosis]:
    background = None if mask is None else background_logits(model, image, mask)
    return diagnose_image(model, shown, image, mask, background, detailed)


def test_a_reader_of_the_object(model: DiagnosedModel) -> None:
    image, mask = red_disc_on_water()
    (diagnosis,) = looked(model, sample(RED), image, mask, detailed=[RED])
    # One cell in ten is red: 40 * 0.9 * 0.1 - 2, and nothing is left of it without the object.
    assert diagnosis.logit == pytest.approx(40 * 230 / 255 * 24 * 16 / (48 * 80) - 2, abs=1e-4)
    assert diagnosis.painted_logit == pytest.approx(-2, abs=0.3)
    assert diagnosis.hit
    assert diagnosis.shares[0] > 0.6
    assert diagnosis.drop_hot > 0.5 > diagnosis.drop_random
    assert diagnosis.insertion > 0.8


def test_a_reader_of_the_surroundings(model: DiagnosedModel) -> None:
    image, mask = red_disc_on_water()
    (diagnosis,) = looked(model, sample(BLUE), image, np.where(mask, 2, 0).astype(np.uint8), detailed=[BLUE])
    assert diagnosis.painted_logit > diagnosis.logit  # the water closes over the object
    assert diagnosis.hit is False
    assert diagnosis.shares[0] < 0.05


def test_the_background_is_what_no_object_and_nothing_unscored_covers(model: DiagnosedModel) -> None:
    image, mask = red_disc_on_water()
    bare = np.zeros_like(image)
    bare[..., 2] = 200
    mask[mask > 0] = 2  # of another class
    mask[16:32, 32:44] = 255
    expected = model.logits(bare)
    assert torch.allclose(background_logits(model, image, mask), expected, atol=0.3)
    assert torch.equal(background_logits(model, bare, np.zeros_like(mask)), expected)


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("beside", [1, 2, 255])
def test_an_image_that_objects_fill_has_no_background(model: DiagnosedModel, left: int, beside: int) -> None:
    """All evidence would be context, if the image itself were taken for its background."""
    image, mask = red_disc_on_water()
    mask[mask == 0] = beside
    mask[:left, :left] = 0  # within the margin of the objects: painted over too
    assert background_logits(model, image, mask).isnan().tolist() == [True, True]
    (diagnosis,) = looked(model, sample(RED), image, mask, detailed=[])
    assert math.isnan(diagnosis.painted_logit)
    assert diagnosis.hit
    mask[:9, :9] = 0
    assert background_logits(model, image, mask).isfinite().all()


def test_a_large_image_is_painted_over_at_a_smaller_size(
    model: DiagnosedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, mask = (array.repeat(30, 0).repeat(30, 1) for array in red_disc_on_water())
    sizes = []

    def recorded(small: np.ndarray, part: np.ndarray) -> np.ndarray | None:
        sizes.append((small.shape[:2], part.shape))
        return inpaint(small, part)

    monkeypatch.setattr("pipeline.heatmaps.diagnosed_model.inpaint", recorded)
    logits = background_logits(model, image, mask)
    bare = np.zeros_like(image)
    bare[..., 2] = 200
    assert torch.allclose(logits, model.logits(bare), atol=0.3)
    ((small, part),) = sizes
    assert small == part
    assert max(small) == PAINTED < max(mask.shape)


def test_random_weights_change_the_heat_of_both_twins(model: DiagnosedModel) -> None:
    image, mask = red_disc_on_water()
    image[:8] = (0, 200, 0)
    (diagnosis,) = looked(model, sample(RED), image, mask, detailed=[RED])
    assert abs(diagnosis.random_all) < 0.95
    assert diagnosis.random_head != diagnosis.random_all
    assert torch.equal(model.trained.net.fc.weight[0], torch.tensor([40.0, 0, 0]))  # type: ignore[union-attr,index]


def test_only_what_is_asked_for_is_measured(model: DiagnosedModel) -> None:
    image, mask = red_disc_on_water()
    (quick,) = looked(model, sample(RED), image, mask, detailed=[])
    assert math.isnan(quick.insertion)
    assert quick.hit
    (blind,) = looked(model, sample(RED), image, None, detailed=[])
    assert blind.hit is None
    assert math.isnan(blind.painted_logit)
    (absent,) = looked(model, sample(BLUE), image, mask, detailed=[])  # labelled, but not in the mask
    assert absent.hit is None
    assert looked(model, sample(), image, mask, detailed=[]) == []


def test_same_numbers_again(model: DiagnosedModel) -> None:
    image, mask = red_disc_on_water()
    first, second = (repr(looked(model, sample(RED), image, mask, [RED])) for _ in range(2))
    assert first == second  # as text, since NaN differs from itself
