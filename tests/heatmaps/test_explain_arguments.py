"""Arguments of the public calls: one answer with and without a layer, by `explain` and by `explainer`."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from pipeline.heatmaps import explain, explainer
from tests.heatmaps.nets import GapNet

IMAGES = torch.rand(2, 3, 16, 18, generator=torch.Generator().manual_seed(1))
LAYERS = pytest.mark.parametrize("layer", [None, "features", "net.features"], ids=["found", "named", "inner"])


class Wrapped(nn.Module):
    """A classifier that returns something else than its logits."""

    def __init__(self, wrap: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.net, self.wrap = GapNet(), wrap
        self.features = self.net.features

    def forward(self, images: Tensor) -> object:
        return self.wrap(self.net(images))


def by_explain(net: nn.Module, images: Any, classes: Any, **options: Any) -> Any:
    return explain(net, images, classes, **options)


def by_explainer(net: nn.Module, images: Any, classes: Any, **options: Any) -> Any:
    with explainer(net, **options) as cam:
        net(images)
        return cam(classes)


CALLS = pytest.mark.parametrize("call", [by_explain, by_explainer])


@CALLS
@LAYERS
@pytest.mark.parametrize(
    ("wrap", "got"),
    [
        (lambda logits: {"logits": logits}, "dict: wrap the model so that it returns its logits"),
        (lambda logits: (logits, logits), "tuple: wrap the model"),
        (lambda logits: [logits], "list: wrap the model"),
        (lambda logits: SimpleNamespace(logits=logits), "SimpleNamespace: wrap the model"),
        (lambda logits: logits[:, :, None], r"\(\d, 5, 1\)"),
        (lambda logits: logits[0], r"\(5,\)"),
    ],
)
def test_outputs_that_are_no_logits_are_named(call: Any, layer: str | None, wrap: Any, got: str) -> None:
    with pytest.raises(ValueError, match=rf"expected logits \(N, C\), got {got}"):
        call(Wrapped(wrap).eval(), IMAGES, [[0], [1]], layer=layer)


@CALLS
@pytest.mark.parametrize("layer", [None, "features"])
@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([0, 1], r"one list of classes per image, e\.g\. \[\[0\], \[1\]\], got \[0, 1\]"),
        (3, "one list of classes per image.*got 3"),
        ("01", "one list of classes per image.*got '01'"),
        (torch.tensor([0, 1]), r"one list of classes per image.*got shape \(2,\)"),
        (np.array(1), r"one list of classes per image.*got shape \(\)"),
        (torch.zeros(3, 1, dtype=torch.int64), r"one list of classes per image \(2\), got 3"),
        ([[-1], [0]], r"integers from 0, got \[-1\]"),
        (torch.tensor([[0], [-1]]), r"integers from 0, got \[-1\]"),
        (np.array([[0.5], [1.0]]), r"integers from 0, got \[0\.5\]"),
        (torch.eye(5)[:2].bool(), "integers from 0, got"),
        ([["cat"], ["dog"]], r"integers from 0, got \['cat'\]"),
        (torch.eye(5, dtype=torch.int64)[:2], "each class of an image once"),
        ([[0], [5]], r"class indices in 0\.\.4, the classes of the logits, got 5"),
        (np.array([[0], [99]]), r"class indices in 0\.\.4.*got 99"),
    ],
)
def test_wrong_classes_are_named(call: Any, layer: str | None, classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(GapNet().eval(), IMAGES, classes, layer=layer)


@CALLS
@pytest.mark.parametrize("layer", [None, "features"])
@pytest.mark.parametrize(
    "classes",
    [
        torch.tensor([[3, 0], [1, 2]]),
        np.array([[3, 0], [1, 2]], np.uint8),
        [torch.tensor([3, 0]), np.array([1, 2])],
        [[torch.tensor(3), np.int64(0)], range(1, 3)],
        ((3, 0), (1, 2)),
    ],
    ids=["tensor", "array", "list of both", "numbers of both", "tuples"],
)
def test_classes_are_read_row_by_row(call: Any, layer: str | None, classes: Any) -> None:
    net = GapNet().eval()
    wanted = explain(net, IMAGES, [[3, 0], [1, 2]], layer=layer)
    assert all(
        torch.equal(a, b) for a, b in zip(call(net, IMAGES, classes, layer=layer), wanted, strict=True)
    )


@CALLS
@pytest.mark.parametrize("layer", [None, "layer4", "layer4.-1"])
@pytest.mark.parametrize("size", [(32, 32), (17, 30), (20, 8)])
def test_images_with_one_cell_are_refused(call: Any, layer: str | None, size: tuple[int, int]) -> None:
    net = models.resnet18(num_classes=4).eval()
    with pytest.raises(ValueError, match=r"the images are too small.*its last feature map is 1 x 1"):
        call(net, torch.rand(1, 3, *size), [[0]], layer=layer)
    assert call(net, torch.rand(1, 3, *size), [[0]], layer="layer1")[0].shape == (1, *size)


@pytest.mark.parametrize(
    "make", [models.mobilenet_v2, models.densenet121, models.resnet50, models.efficientnet_b0]
)
def test_other_networks_name_the_size_too(make: Any) -> None:
    with pytest.raises(ValueError, match="the images are too small"):
        explain(make(num_classes=3).eval(), torch.rand(1, 3, 32, 32), [[0]])


def test_a_scale_with_one_cell_is_refused() -> None:
    net = models.resnet18(num_classes=4).eval()
    with pytest.raises(ValueError, match="the images are too small"):
        explain(net, torch.rand(1, 3, 64, 64), [[0]], scales=(1.0, 0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": np.zeros((1, 3, 16, 18), np.float32)}, r"images \(N, 3, H, W\), a tensor, got ndarray"),
        ({"images": IMAGES[:0]}, r"images \(N, 3, H, W\), a tensor, got \(0, 3, 16, 18\)"),
        ({"images": (255 * IMAGES).byte()}, r"float32, got torch\.uint8"),
        ({"scales": ()}, "scales above 0"),
        ({"scales": (1.0, 0.0)}, "scales above 0"),
        ({"scales": (float("nan"),)}, "scales above 0"),
        ({"layer": 3}, "expected a module, a name or None, got 3"),
        ({"reshape": lambda maps: maps}, "name the layer whose output it takes"),
    ],
)
def test_other_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain(GapNet().eval(), **{"images": IMAGES, "classes": [[0], [1]], **options})
