"""BatchNorm folded into convolutions changes nothing but the speed."""

from copy import deepcopy

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from pipeline.engine.folding import fold_batch_norm


def disturbed(net: nn.Module) -> nn.Module:
    """`net` in eval mode, with statistics and weights of BatchNorm that all matter."""
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features, generator=generator) / 4
            module.running_var = torch.rand(module.num_features, generator=generator) + 0.5
            if module.affine:
                module.weight.data = torch.rand(module.num_features, generator=generator) + 0.5
                module.bias.data = torch.randn(module.num_features, generator=generator) / 4
    return net.eval()


def count_norms(net: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def tensors(outputs: object) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)  # type: ignore[call-overload]


def assert_same_function(net: nn.Module, folded: nn.Module, size: tuple[int, int] = (64, 96)) -> None:
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for before, after in zip(tensors(net(images)), tensors(folded(images)), strict=True):
            assert float((after - before).abs().sum()) <= 1e-5 * float(before.abs().sum())


@pytest.mark.parametrize(
    ("encoder", "left"),
    [
        ("resnet18", 0),
        ("mobilenet_v2", 0),
        ("tu-resnet10t", 0),
        ("tu-regnetx_002", 0),  # BatchNorm and its activation are one module there
        ("tu-resnetv2_18", 8),  # those before a convolution stay
        ("densenet121", 62),
    ],
)
def test_the_feature_maps_of_encoders_stay_the_same(encoder: str, left: int) -> None:
    net = disturbed(smp.encoders.get_encoder(encoder, weights=None))
    folded = deepcopy(net)
    fold_batch_norm(folded)
    assert count_norms(folded) == left < count_norms(net)
    assert_same_function(net, folded)


@pytest.mark.parametrize("architecture", sorted(set(smp.MODEL_ARCHITECTURES_MAPPING) - {"dpt"}))  # one size
def test_the_scores_of_every_architecture_stay_the_same(architecture: str) -> None:
    net = disturbed(smp.create_model(architecture, "resnet18", encoder_weights=None, classes=3))
    folded = deepcopy(net)
    fold_batch_norm(folded)
    assert count_norms(folded) < count_norms(net)
    assert_same_function(net, folded, (256, 288))  # PAN asks for that much


def test_a_folded_pair_has_the_weights_of_the_formula() -> None:
    net = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.BatchNorm2d(1, eps=0.25)).eval()
    conv, norm = net
    conv.weight.data = torch.tensor([1.0, -2.0, 4.0]).reshape(1, 3, 1, 1)
    norm.running_mean, norm.running_var = torch.tensor([3.0]), torch.tensor([2.0])  # sqrt(2 + 0.25) = 1.5
    norm.weight.data, norm.bias.data = torch.tensor([6.0]), torch.tensor([5.0])  # a = 6 / 1.5 = 4
    fold_batch_norm(net)
    assert net[0].weight.flatten().tolist() == [4.0, -8.0, 16.0]
    assert net[0].bias.tolist() == [-7.0]  # 4 * (0 - 3) + 5
    assert isinstance(net[1], nn.Identity)


class Stem(nn.Module):
    """A convolution and BatchNorm, to be used in ways that must not be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)


class Residual(Stem):
    def forward(self, images: Tensor) -> Tensor:
        found = self.conv(images)
        return found + torch.relu(self.norm(found))


class TwoOutputs(Stem):
    def forward(self, images: Tensor) -> list[Tensor]:
        found = self.conv(images)
        return [found, self.norm(found)]


class ConvTwice(Stem):
    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(torch.relu(self.conv(images))))


class NormTwice(Stem):
    def forward(self, images: Tensor) -> Tensor:
        return self.norm(torch.relu(self.norm(self.conv(images))))


class Between(Stem):
    def forward(self, images: Tensor) -> Tensor:
        return self.norm(2 * self.conv(images))


class Standardised(Stem):
    """The weight is made anew in each forward pass, as in weight standardisation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = StandardisedConv(3, 3, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(images))


class StandardisedConv(nn.Conv2d):
    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.conv2d(images, self.weight / self.weight.std(), self.bias, padding=1)


class Doubled(nn.BatchNorm2d):
    """Another class may do more than its parent."""

    def forward(self, images: Tensor) -> Tensor:
        return 2 * super().forward(images)


class OtherNorm(Between):
    def __init__(self) -> None:
        super().__init__()
        self.norm = Doubled(3)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(images))


class WithoutWeights(Between):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(images))


class WeightAlone(nn.Module):
    """The weight of a BatchNorm in another operation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3, padding=1)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images) * self.norm.weight


class OtherWeights(WithoutWeights):
    """A module without weights beside a normalisation whose weight is made in the forward pass."""

    def forward(self, images: Tensor) -> Tensor:
        weight, bias = 2 * torch.ones(3, requires_grad=True), torch.zeros(3)
        mean, var = self.norm.running_mean, self.norm.running_var
        return nn.functional.batch_norm(self.conv(images), mean, var, weight, bias)


@pytest.mark.parametrize(
    "kind",
    [
        WeightAlone,
        OtherWeights,
        Residual,
        TwoOutputs,
        ConvTwice,
        NormTwice,
        Between,
        Standardised,
        OtherNorm,
        WithoutWeights,
    ],
)
def test_what_is_no_plain_pair_stays(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    net = disturbed(kind())
    folded = deepcopy(net)
    fold_batch_norm(folded)
    assert count_norms(folded) == 1
    assert_same_function(net, folded)
