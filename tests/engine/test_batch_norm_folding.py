"""BatchNorm folded into convolutions changes nothing but the speed, neither of inference nor of training."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from pipeline.engine.batch_norm_folding import NormConv2d, fold_batch_norm, fold_frozen_batch_norm
from pipeline.engine.training_loop import freeze_batch_norm

# Rounding of float64, 1e-16 an operation, grows with the depth of a network, yet stays far below this on any
# processor. A pair that is folded wrongly is far above.
TOLERANCE = 1e-9


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """All networks and images are float64: in float32, each processor rounds by as much as is tested for."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


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


def count_folded(net: nn.Module) -> int:
    return sum(isinstance(module, NormConv2d) for module in net.modules())


def tensors(outputs: object) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)  # type: ignore[call-overload]


def assert_same_function(net: nn.Module, folded: nn.Module, size: tuple[int, int] = (64, 96)) -> None:
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for before, after in zip(tensors(net(images)), tensors(folded(images)), strict=True):
            assert float((after - before).abs().sum()) <= TOLERANCE * float(before.abs().sum())


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
    assert_same_function(net, folded, (256, 288) if architecture == "pan" else (64, 96))  # PAN asks for more


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
        output = self.conv(images)
        return output + torch.relu(self.norm(output))


class TwoOutputs(Stem):
    def forward(self, images: Tensor) -> list[Tensor]:
        output = self.conv(images)
        return [output, self.norm(output)]


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


def gradients(net: nn.Module, images: Tensor) -> dict[str, Tensor | None]:
    """Of a scalar in which every value of the outputs has a weight of its own."""
    net.zero_grad()
    outputs = [output for output in tensors(net(images)) if output.requires_grad]
    torch.stack([(o * torch.linspace(-1, 1, o.numel()).view_as(o)).mean() for o in outputs]).sum().backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()}


@pytest.mark.parametrize(
    ("encoder", "folded_pairs"),
    [
        ("resnet18", 20),
        ("mobilenet_v2", 52),
        ("tu-regnetx_002", 44),  # BatchNorm and its activation are one module there
        ("tu-resnetv2_18", 8),
    ],
)
def test_frozen_encoders_learn_the_same(encoder: str, folded_pairs: int) -> None:
    net = disturbed(smp.encoders.get_encoder(encoder, weights=None))
    folded = deepcopy(net)
    state = torch.get_rng_state()
    fold_frozen_batch_norm(folded)
    assert torch.equal(state, torch.get_rng_state())
    assert count_folded(folded) == folded_pairs
    before, after = net.state_dict(), folded.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    for each in (net, folded):
        freeze_batch_norm(each.train())
    assert_same_function(net, folded)
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    expected_of, actual_of = gradients(net, images), gradients(folded, images)
    assert expected_of.keys() == actual_of.keys()
    for name, actual in actual_of.items():
        expected = expected_of[name]
        assert (expected is None) == (actual is None)
        if expected is not None and actual is not None:
            assert float((actual - expected).norm()) <= TOLERANCE * float(expected.norm())


def test_folded_weights_follow_those_of_the_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(3, 1, 1), nn.BatchNorm2d(1, eps=0.25))
    fold_frozen_batch_norm(net)
    conv, norm = net
    conv.weight.data, conv.bias.data = torch.tensor([1.0, -2.0, 4.0]).reshape(1, 3, 1, 1), torch.ones(1)
    norm.running_mean, norm.running_var = torch.tensor([3.0]), torch.tensor([2.0])  # sqrt(2 + 0.25) = 1.5
    norm.weight.data, norm.bias.data = torch.tensor([6.0]), torch.tensor([5.0])  # a = 6 / 1.5 = 4
    pixel = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    assert net(pixel).item() == 4 * (1 - 4 + 12 + 1 - 3) + 5
    conv.weight.data *= 2
    assert net(pixel).item() == 4 * (2 * (1 - 4 + 12) + 1 - 3) + 5


def test_a_copy_of_a_folded_network_has_its_own_batch_norm() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))
    fold_frozen_batch_norm(disturbed(net))
    copy, images = deepcopy(net), torch.rand(1, 3, 8, 8)
    before = copy(images)
    net[1].weight.data *= 2
    assert torch.equal(copy(images), before)
    copy[1].weight.data *= 2
    assert not torch.equal(copy(images), before)


class Padding(nn.Conv2d):
    """Another class may do more than its parent."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(images, (1, 1, 1, 1), value=1.0))


class OtherConv(Between):
    def __init__(self) -> None:
        super().__init__()
        self.conv = Padding(3, 3, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(images))


@pytest.mark.parametrize("kind", [OtherConv, Residual, Standardised, OtherNorm, NormTwice])
def test_what_is_no_plain_pair_stays_in_training(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    net = disturbed(kind())
    folded = deepcopy(net)
    fold_frozen_batch_norm(folded)
    assert count_folded(folded) == 0
    assert_same_function(net, folded)
