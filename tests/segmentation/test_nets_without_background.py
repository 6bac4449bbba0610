"""Segmentation of data in which every pixel belongs to a class: one logit a class, ids from 1."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.params import load_params
from pipeline.segmentation.network import (
    SegmentationConfig,
    SegmentationNet,
    load_segmentation_net,
    make_segmentation_net,
    save_segmentation_net,
)
from pipeline.segmentation.objective import TrainableSegmentation
from pipeline.segmentation.prediction import BatchLogits, batch_logits, heatmaps_of, predict_probabilities
from pipeline.workflows.prediction import probabilities as refined_probabilities
from tests.golden.project import SHIPPED
from tests.whole_batch import whole_loss

CONFIG = SegmentationConfig(("field", "wood", "lake"), 64, background=False)
PARAMS = load_params(SHIPPED)


class Fixed(nn.Module):
    """Logits of three classes: those of `lake` are far the largest, but for the left third."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        columns = torch.arange(images.shape[-1]) * 3 < images.shape[-1]
        logits = torch.stack([columns * 9.0, columns * 1.0, ~columns * 9.0])
        return logits[None, :, None].expand(len(images), -1, images.shape[-2], -1) + self.encoder(images) * 0


def test_a_network_has_a_logit_for_each_class_and_is_read_back(tmp_path: Path) -> None:
    section = PARAMS.segmentation.model_copy(update={"weights": "none"})
    net = make_segmentation_net(section, CONFIG, tmp_path, pretrained=False)
    assert net.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 3, 64, 64)
    save_segmentation_net(tmp_path / "model", net)
    assert load_segmentation_net(tmp_path / "model").config == CONFIG


@pytest.mark.parametrize("known", [True, False])
def test_the_loss_is_the_cross_entropy_of_the_known_pixels(known: bool) -> None:
    net = SegmentationNet(nn.Conv2d(3, 3, 1), CONFIG)
    objective = TrainableSegmentation(net, PARAMS.segmentation, 0.0, taught=False)
    images, generator = torch.rand(2, 3, 4, 5), torch.Generator().manual_seed(0)
    masks = torch.randint(1, 4, (2, 4, 5), generator=generator)
    masks[0, :2], masks[1, 0] = 255, 0  # open pixels, and an id that says nothing in these data
    masks = masks if known else torch.full_like(masks, 255)
    loss = whole_loss(objective, images, masks, 0)
    logits = net(images).permute(0, 2, 3, 1)
    chosen = (masks != 255) & (masks != 0)
    if known:
        expected = functional.cross_entropy(logits[chosen], masks[chosen] - 1)
        torch.testing.assert_close(loss, expected)
    else:
        assert loss.item() == 0
    loss.backward()


def test_the_teacher_corrects_within_the_labels() -> None:
    net = SegmentationNet(Fixed(), CONFIG)
    objective = TrainableSegmentation(net, PARAMS.segmentation, 0.0, taught=True)
    masks = torch.full((1, 3, 6), 2)  # wood everywhere
    allowed = torch.tensor([[True, True, False]])  # lake is no label of the image
    steps = PARAMS.segmentation.training.steps
    loss = whole_loss(objective, torch.rand(1, 3, 3, 6), (masks, allowed), steps)
    logits = net(torch.rand(1, 3, 3, 6))
    # The teacher is sure of `field` (id 1) on the left; on the right field and wood are equal: it stays.
    corrected = torch.tensor([[[1, 1, 2, 2, 2, 2]] * 3])
    torch.testing.assert_close(loss, functional.cross_entropy(logits, corrected - 1))


def test_predictions_never_show_background() -> None:
    net, image = SegmentationNet(Fixed(), CONFIG).eval(), np.full((30, 60, 3), 90, np.uint8)
    probabilities = predict_probabilities(net, image, [1.0], flip=False)
    assert probabilities.shape == (4, 30, 60)
    assert not probabilities[0].any()
    torch.testing.assert_close(probabilities.sum(0), torch.ones(30, 60))
    for refine in ("none", "crf"):
        if refine == "crf":
            pytest.importorskip("pydensecrf")
        section = PARAMS.evaluation.model_copy(update={"refine": refine, "flip": False})
        params = PARAMS.model_copy(update={"evaluation": section})
        mask = refined_probabilities(net, image, params).argmax(0)
        assert set(np.unique(mask).tolist()) == {1, 3}
        assert (mask[:, :18] == 1).all()
        assert (mask[:, 22:] == 3).all()


def test_probabilities_as_heatmaps_are_shares_of_the_labels() -> None:
    by_scale = [torch.tensor([0.2, 0.6, 0.2]).log()[None, :, None, None].expand(1, 3, 64, 64)]
    heat = heatmaps_of(BatchLogits(1, False, by_scale), 0, (0, 1), (64, 64))
    # p / (p_field + p_wood): a quarter and three quarters.
    assert np.unique(heat[0]).tolist() == [round(255 / 4)]
    assert np.unique(heat[1]).tolist() == [round(255 * 3 / 4)]
    net = SegmentationNet(Fixed(), CONFIG).eval()
    assert not batch_logits(net, [torch.rand(1, 3, 32, 32)], flip=True).background
