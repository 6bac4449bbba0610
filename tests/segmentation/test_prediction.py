"""Prediction of any size, and the saved format."""

from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from pipeline.data.pixels.reading import ImageReading
from pipeline.data.resize import image_tensor, resize
from pipeline.engine.batch_norm_folding import NormConv2d
from pipeline.engine.weights import WeightsError
from pipeline.masks.threshold import mask_at_threshold
from pipeline.params import load_params
from pipeline.segmentation.network import (
    SegmentationConfig,
    SegmentationNet,
    load_segmentation_net,
    make_segmentation_net,
    save_segmentation_net,
)
from pipeline.segmentation.prediction import (
    BatchLogits,
    batch_logits,
    heatmaps_of,
    predict_probabilities,
)
from tests.segmentation.nets import RedIsOne, half_red

READING = ImageReading(frame=2, ranges=((-5.5, 4095.0), (0, 1), (2, 3)))
CONFIG = SegmentationConfig(("a", "b"), 64, reading=READING)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (37, 61), (130, 201), (7, 90), (301, 20)])
def test_any_size_comes_back_at_its_own_size(height: int, width: int) -> None:
    net = SegmentationNet(RedIsOne(), CONFIG).eval()
    probabilities = predict_probabilities(net, half_red(height, width), (1.0, 1.5), flip=True)
    assert probabilities.shape == (3, height, width)
    mask = probabilities.argmax(0).numpy()
    assert all(side % 32 == 0 for size in net.model.sizes for side in size)
    # The left quarter is red: shifted or mirrored scores would show. The edge may blur by some pixels.
    columns = (mask == 1).mean(0)
    edge, slack = width // 4, max(3, width // 20)
    assert (columns[: max(0, edge - slack)] == 1).all()
    assert (columns[edge + slack :] == 0).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_refused(value: float) -> None:
    net = RedIsOne()
    with torch.no_grad():
        net.scale.fill_(value)
    model = SegmentationNet(net, SegmentationConfig(("a", "b"), 64)).eval()
    with pytest.raises(ArithmeticError, match="logits of the segmentation model are not finite"):
        predict_probabilities(model, half_red(40, 50), (1.0,), flip=False)


def test_flip_averages_the_mirrored_prediction() -> None:
    torch.manual_seed(0)
    net = SegmentationNet(nn.Conv2d(3, 3, 3, padding=1), CONFIG).eval()
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    straight = predict_probabilities(net, image, (1.0,), flip=True)
    mirrored = predict_probabilities(net, image[:, ::-1], (1.0,), flip=True)
    assert torch.allclose(straight, mirrored.flip(-1), atol=1e-5)
    assert torch.allclose(straight.sum(0), torch.ones(64, 64), atol=1e-5)


def test_heat_says_what_the_model_says_within_the_labels() -> None:
    torch.manual_seed(0)
    net = SegmentationNet(nn.Conv2d(3, 4, 3, padding=1), SegmentationConfig(("a", "b", "c"), 64)).eval()
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    probabilities = predict_probabilities(net, image, (1.0,), flip=True)
    heat = heatmaps_of(logits_of(net, image), 0, (2, 0), (48, 64))
    assert heat.shape == (2, 12, 16)
    assert heat.dtype == np.uint8
    share = probabilities[[3, 1]] / (probabilities[[3, 1]] + probabilities[:1])
    assert np.abs(heat / 255 - resize(share, (12, 16)).numpy()).max() <= 0.5 / 255 + 1e-6
    # At 0.5 the competition with the background is won exactly by what is most probable.
    most_probable = probabilities[[0, 3, 1]].argmax(0).numpy()
    won = mask_at_threshold(share.numpy(), np.array([2, 0]), 0.5)
    assert np.array_equal(won, np.array([0, 3, 1])[most_probable])
    assert len(np.unique(won)) == 3


def logits_of(net: SegmentationNet, *images: np.ndarray) -> BatchLogits:
    """Of images of one size, in one batch, at the working resolution."""
    views = torch.stack([image_tensor(image, net.config.long_side) for image in images])
    return batch_logits(net, [views], flip=True)


def test_heat_of_a_large_image_is_that_of_the_working_size() -> None:
    torch.manual_seed(0)
    net = SegmentationNet(nn.Conv2d(3, 3, 3, padding=1), CONFIG).eval()
    small, large = (
        heatmaps_of(logits_of(net, half_red(*size)), 0, (0, 1), (48, 64)) for size in ((48, 64), (480, 640))
    )
    assert np.abs(large.astype(int) - small).max() <= 2


def test_each_image_of_a_batch_gets_its_own_probabilities() -> None:
    torch.manual_seed(0)
    net = SegmentationNet(nn.Conv2d(3, 3, 3, padding=1), CONFIG).eval()
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    together = logits_of(net, *images)
    for index, image in enumerate(images):
        alone = predict_probabilities(net, image, (1.0,), flip=True)
        assert torch.allclose(together.probabilities(index, (48, 64)), alone, atol=1e-6)
        assert not torch.allclose(together.probabilities(index - 1, (48, 64)), alone, atol=1e-2)


@pytest.mark.parametrize("pretrained", [False, True])
def test_saved_model_opens_without_our_code(
    tmp_path: Path, pretrained: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    params = load_params(Path("params.yaml")).segmentation.model_copy(update={"weights": "none"})
    net = make_segmentation_net(params, CONFIG, Path("unused"), pretrained=pretrained).eval()
    assert pretrained == any(isinstance(module, NormConv2d) for module in net.modules())
    for norm in (module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean = torch.randn(norm.num_features) / 4
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = net(images)
    save_segmentation_net(tmp_path / "model", net)
    opened = smp.from_pretrained(str(tmp_path / "model")).eval()
    mean, std = torch.tensor(CONFIG.mean).view(3, 1, 1), torch.tensor(CONFIG.std).view(3, 1, 1)
    with torch.no_grad():
        assert torch.allclose(opened((images - mean) / std), expected, atol=1e-5)
        assert "Loading weights from local directory" in capsys.readouterr().out
        again = load_segmentation_net(tmp_path / "model")
        assert capsys.readouterr().out == ""
        assert torch.allclose(again(images), expected, atol=1e-5)
    assert again.config == CONFIG


def test_decoder_width(tmp_path: Path) -> None:
    section = load_params(Path(__file__).parents[2] / "params.yaml").segmentation
    section = section.model_copy(update={"weights": "none", "encoder": "resnet18"})
    counts = {}
    for channels in ((128, 64, 32, 16, 16), None):
        params = section.model_copy(update={"decoder": {"channels": channels} if channels else {}})
        net = make_segmentation_net(params, CONFIG, tmp_path, pretrained=False)
        counts[channels] = sum(p.numel() for p in net.model.get_submodule("decoder").parameters())
    assert counts[128, 64, 32, 16, 16] < 0.5 * counts[None]
    other = section.model_copy(update={"architecture": "FPN"})  # has no such argument
    with pytest.raises(WeightsError, match=r"FPN has no channels, but pyramid_channels, seg"):
        make_segmentation_net(other, CONFIG, tmp_path, pretrained=False)
