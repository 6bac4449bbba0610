"""Heatmaps inside the training: erasing and GAIN."""

import copy
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.classifier.classifier_training import TrainableClassifier, multi_hot, train_classifier
from pipeline.classifier.erasing_and_gain import (
    attention,
    attention_error,
    attention_mining,
    erase,
    soft_mask,
)
from pipeline.classifier.network import Classifier, make_classifier
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.training_examples import TrainingStream, TrainingTarget
from pipeline.engine.normalise import MEAN
from pipeline.engine.training_loop import fit
from pipeline.params import ClassifierParams, ErasingParams, GainParams, Params, load_params
from tests.whole_batch import whole_loss

GAIN = GainParams(weight=1, sigma=0.5, omega=10, max_area=1, supervision_weight=0)
OBJECT = ErasingParams(region="object", threshold=0.5, share=1, decay=0.9)
BACKGROUND = OBJECT.model_copy(update={"region": "background"})


def params(**changes: object) -> ClassifierParams:
    base = load_params(Path("params.yaml")).classifier.model_dump()
    small = {"steps": 6, "batch_size": 2, "warmup_steps": 1, "checkpoint_steps": 2, "crop": 1.0}
    base["training"] |= small
    return ClassifierParams.model_validate({**base, "attention_from": 0.3, **changes})


@pytest.fixture
def net() -> Classifier:
    torch.manual_seed(0)
    return make_classifier(params(), ("a", "b", "c"))


class Until(TrainableClassifier):
    """A training that is killed at the step `last`."""

    last = -1

    def forward(self, images: Tensor, targets: TrainingTarget, step: int, counts: Tensor) -> Tensor:
        if step == self.last:
            raise InterruptedError
        return super().forward(images, targets, step, counts)


class Reds(nn.Module):
    """Logits (N, 2): the mean of red less 0.5, and the mean of green less 0.25."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))[:, :2] - torch.tensor([0.5, 0.25])


def test_attention_by_hand(net: Classifier) -> None:
    activations = torch.zeros(1, 512, 1, 3)
    activations[0, :2, 0] = torch.tensor([[1.0, 2, 0], [0, 1, 4]])
    with torch.no_grad():
        net.fc.weight.zero_()
        net.fc.weight[:2, :2] = torch.tensor([[1.0, 0.5], [-1, 0]])
    heatmaps = attention(net, activations)
    # relu([1, 2.5, 2]) / 2.5; the second class has negative heat only, the third none.
    assert torch.allclose(heatmaps[0, :, 0], torch.tensor([[0.4, 1, 0.8], [0, 0, 0], [0, 0, 0]]))


def test_soft_mask_by_hand() -> None:
    result = soft_mask(torch.tensor([0.0, 0.5, 0.6, 1.0]), GAIN)
    assert torch.allclose(result, 1 / (1 + torch.tensor([5.0, 0, -1, -5]).exp()))


def test_attention_mining_by_hand() -> None:
    images = torch.rand(2, 3, 4, 4)
    heat = torch.tensor([[[[0.0, 1]], [[1, 1]]], [[[1.0, 1]], [[1, 1]]]])  # (2, 2, 1, 2)
    labels = torch.tensor([[1.0, 0], [0, 0]])  # the second image has no label and takes no part
    wide = nn.functional.interpolate(heat[:1, :1], (4, 4), mode="bilinear")
    mask = 1 / (1 + (-10 * (wide - 0.5)).exp())
    masked = (1 - mask) * images[:1] + mask * torch.tensor(MEAN).view(1, 3, 1, 1)
    expected = (masked[:, 0].mean() - 0.5).sigmoid()
    assert torch.allclose(attention_mining(Reds(), images, heat, labels, GAIN), expected)


def test_attention_mining_leaves_out_maps_that_cover_everything() -> None:
    images, labels = torch.rand(2, 3, 4, 4), torch.tensor([[1.0, 0], [1, 0]])
    heat = torch.stack([torch.zeros(2, 2, 2), torch.ones(2, 2, 2)])
    guarded = GAIN.model_copy(update={"max_area": 0.5})
    alone = attention_mining(Reds(), images[:1], heat[:1], labels[:1], guarded)
    assert torch.allclose(attention_mining(Reds(), images, heat, labels, guarded), alone)
    assert attention_mining(Reds(), images[1:], heat[1:], labels[1:], guarded) == 0
    assert attention_mining(Reds(), images, heat, labels * 0, guarded) == 0


def test_attention_mining_takes_labelled_classes_only() -> None:
    images, labels = torch.rand(40, 3, 4, 4), torch.tensor([[0.0, 1]]).repeat(40, 1)
    heat = torch.zeros(40, 2, 2, 2)
    cold = GAIN.model_copy(update={"omega": 1000})  # a mask of 0: the images stay as they are
    expected = (images[:, 1].mean((1, 2)) - 0.25).sigmoid().mean()
    assert torch.allclose(attention_mining(Reds(), images, heat, labels, cold), expected)


def test_the_loss_sends_a_gradient_through_the_attention_map(net: Classifier) -> None:
    # A frozen copy looks at the masked images: what gradient is left came by the heatmap.
    judge = copy.deepcopy(net).eval().requires_grad_(False)
    net.eval()
    images, labels = torch.rand(2, 3, 64, 64), torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    heat = attention(net, net.features(images)[-1])
    attention_mining(judge, images, heat, labels, GAIN).backward()
    gradients = [p.grad for p in net.encoder.parameters() if p.grad is not None]
    assert len(gradients) == len(list(net.encoder.parameters()))
    assert max(float(g.abs().max()) for g in gradients) > 1e-7
    assert net.fc.weight.grad is not None
    assert net.fc.weight.grad[:2].abs().max() > 0
    detached = attention_mining(judge, images, heat.detach(), labels, GAIN)
    assert not detached.requires_grad  # the usual mistake: no gradient at all


def test_erasing_the_object_by_hand() -> None:
    images, labels = torch.rand(2, 3, 2, 2), torch.tensor([[1.0, 0], [0, 0]])
    heat = torch.tensor([[[0.2, 0.6], [0.5, 1]], [[1, 1], [1, 1]]])  # of an absent class: counts nothing
    erased = erase(images, heat[None].repeat(2, 1, 1, 1), labels, OBJECT)
    expected = images.clone()
    for y, x in ((0, 1), (1, 1)):
        expected[0, :, y, x] = torch.tensor(MEAN)
    assert torch.equal(erased, expected)  # the second image has no label


def test_erasing_the_background_by_hand() -> None:
    images, labels = torch.rand(2, 3, 1, 4), torch.tensor([[1.0, 0], [0, 1]])
    heat = torch.zeros(2, 2, 1, 4)
    heat[0, 0, 0] = torch.tensor([1.0, 0.9, 0, 0.1])
    heat[1, 1, 0] = torch.tensor([0.2, 1.0, 0.8, 0])
    erased = erase(images, heat, labels, BACKGROUND)
    mean = torch.tensor(MEAN)
    # Of the first: columns 2 and 3 go. Column 2 of the other image is hot, column 3 is not.
    first = torch.stack([images[0, :, 0, 0], images[0, :, 0, 1], mean, images[1, :, 0, 3]], 1)
    second = torch.stack([mean, images[1, :, 0, 1], images[1, :, 0, 2], images[0, :, 0, 3]], 1)
    assert torch.equal(erased[0, :, 0], first)
    assert torch.equal(erased[1, :, 0], second)


def test_a_share_of_the_images_is_erased() -> None:
    images, labels = torch.rand(2000, 3, 1, 1), torch.ones(2000, 1)
    third = OBJECT.model_copy(update={"share": 0.3})
    changed = (erase(images, torch.ones(2000, 1, 1, 1), labels, third) != images).any(1)
    assert 0.25 < changed.float().mean() < 0.35


def test_heatmaps_for_erasing_come_from_an_average_of_past_weights(net: Classifier) -> None:
    learner = TrainableClassifier(net, params(erasing=OBJECT)).train()
    assert learner.average is not None
    assert not learner.average.training
    images, labels = torch.rand(2, 3, 32, 32), torch.ones(2, 3)
    first = net.fc.weight.detach().clone()
    whole_loss(learner, images, labels, 0)
    with torch.no_grad():
        net.fc.weight += 1
    whole_loss(learner, images, labels, 1)
    assert torch.allclose(learner.average.module.fc.weight, 0.9 * first + 0.1 * (first + 1))
    assert all(not p.requires_grad for p in learner.average.parameters())


def test_attention_begins_after_its_share_of_the_steps(
    net: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased: list[int] = []

    def noted(images: Tensor, *_: object) -> Tensor:
        erased.append(step)
        return images

    monkeypatch.setattr("pipeline.classifier.classifier_training.erase", noted)
    learner = TrainableClassifier(net, params(erasing=OBJECT, gain=GAIN)).train()
    plain = TrainableClassifier(net, params()).train()
    images, labels = torch.rand(2, 3, 32, 32), torch.ones(2, 3)
    for step in range(6):
        more = whole_loss(learner, images, labels, step) - whole_loss(plain, images, labels, step)
        assert (more > 1e-3) == (step >= 2)  # 0.3 of 6 steps
    assert erased == [2, 3, 4, 5]


def test_an_interrupted_training_ends_with_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = []
    for i in range(4):
        write_image(tmp_path / f"{i}.png", rng.integers(0, 256, (32, 40, 3), np.uint8))
        samples.append(Sample(str(i), f"{i}.png", "", 32, 40, (i % 3,), "train", False, False))
    manifest = Manifest(str(tmp_path), ("a", "b", "c"), tuple(samples))
    section = params(erasing=BACKGROUND.model_copy(update={"share": 0.5}), gain=GAIN)
    stream = TrainingStream(
        manifest, samples, lambda s: multi_hot(s.labels, 3), section.training, long_side=32, crop=32, seed=0
    )

    def train(name: str, last: int) -> dict[str, Tensor]:
        torch.manual_seed(0)
        learner = Until(make_classifier(section, manifest.classes), section)
        learner.last = last
        with suppress(InterruptedError):
            fit(
                learner,
                stream,
                section.training,
                pretrained=[],
                checkpoint=tmp_path / name,
                description="test",
            )
        return {key: value.clone() for key, value in learner.state_dict().items()}

    whole = train("whole.pt", -1)
    train("again.pt", 5)
    again = train("again.pt", -1)
    assert any(key.startswith("average.") for key in whole)
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_attention_error_by_hand() -> None:
    heat = torch.tensor(
        [[[[0.5, 1.0]], [[0.25, 0]], [[1, 1]]], [[[1.0, 1]], [[1, 1]], [[1, 1]]]]
    )  # (2, 3, 1, 2)
    masks = torch.tensor([[[1, 2]], [[255, 255]]])
    labels = torch.tensor([[1.0, 1, 0], [1, 0, 0]])
    # Class 1: ((0.5 - 1)^2 + (1 - 0)^2) / 2 = 0.625; class 2: (0.25^2 + (0 - 1)^2) / 2 = 0.53125.
    # Class 3 is no label, and nothing is known of the second image.
    assert torch.allclose(attention_error(heat, masks, labels), torch.tensor((0.625 + 0.53125) / 2))


def test_attention_error_leaves_out_open_pixels() -> None:
    heat, labels = torch.tensor([[[[0.5, 0.1, 0.8]]]]), torch.ones(1, 1)
    # Pixels 1 and 3 are known: ((0.5 - 1)^2 + 0.8^2) / 2
    error = attention_error(heat, torch.tensor([[[1, 255, 0]]]), labels)
    assert torch.allclose(error, torch.tensor((0.25 + 0.64) / 2))
    other = attention_error(heat * torch.tensor([1.0, 9, 1]), torch.tensor([[[1, 255, 0]]]), labels)
    assert torch.equal(error, other)
    assert attention_error(heat, torch.full((1, 1, 3), 255), labels) == 0
    assert attention_error(heat, torch.tensor([[[0, 0, 0]]]), labels * 0) == 0  # a background image


def test_attention_error_against_a_literal_loop() -> None:
    rng = np.random.default_rng(0)
    heat, labels = rng.random((5, 3, 4, 6)), rng.random((5, 3)) < 0.6
    masks = rng.choice([0, 1, 2, 3, 255], (5, 4, 6))
    masks[1], labels[2] = 255, False
    errors = []
    for n in range(5):
        of_image = [
            np.mean(
                [(heat[n, c, y, x] - (masks[n, y, x] == c + 1)) ** 2 for y, x in np.argwhere(masks[n] != 255)]
            )
            for c in np.flatnonzero(labels[n])
            if (masks[n] != 255).any()
        ]
        errors += [np.mean(of_image)] if of_image else []
    error = attention_error(torch.tensor(heat), torch.tensor(masks), torch.tensor(labels).float())
    assert len(errors) < 5
    assert error.item() == pytest.approx(np.mean(errors), abs=1e-6)


def test_attention_error_sends_a_gradient_through_the_attention_map(net: Classifier) -> None:
    net.eval()
    images, labels = torch.rand(2, 3, 64, 64), torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    masks = torch.zeros(2, 64, 64, dtype=torch.int64)
    masks[0, :20, :30], masks[1, 30:, 8:] = 1, 2
    heat = attention(net, net.features(images)[-1])
    error = attention_error(heat, masks, labels)
    error.backward()
    gradients = [p.grad for p in net.encoder.parameters() if p.grad is not None]
    assert len(gradients) == len(list(net.encoder.parameters()))
    assert max(float(g.abs().max()) for g in gradients) > 1e-7
    assert net.fc.weight.grad is not None
    assert net.fc.weight.grad[:2].abs().max() > 0
    assert not net.fc.weight.grad[2].any()  # no label of either image
    with torch.no_grad():  # downhill
        for parameter in net.parameters():
            parameter -= 0.01 * parameter.grad if parameter.grad is not None else 0
        lower = attention_error(attention(net, net.features(images)[-1]), masks, labels)
    assert lower < error


def trained(tmp_path: Path, weight: float, masks: Path) -> dict[str, Tensor]:
    """The classifier after a few steps on four images."""
    rng = np.random.default_rng(0)
    samples = []
    for i in range(4):
        write_image(tmp_path / f"{i}.png", rng.integers(0, 256, (32, 40, 3), np.uint8))
        samples.append(Sample(str(i), f"{i}.png", "", 32, 40, (i % 3,), "train", False, False))
    manifest = Manifest(str(tmp_path), ("a", "b", "c"), tuple(samples))
    shipped = load_params(Path("params.yaml"))
    section = params(gain={**GAIN.model_dump(), "weight": 0, "supervision_weight": weight})
    values = shipped.model_dump() | {"classifier": section.model_dump()}
    values["data"]["long_side"] = 64  # two cells a side: a map of one cell is 1 whatever the weights
    torch.manual_seed(0)
    net = make_classifier(section, manifest.classes)
    train_classifier(
        net, manifest, set(), masks, Params.model_validate(values), tmp_path / f"{weight}-{masks.name}.pt"
    )
    return {key: value.clone() for key, value in net.state_dict().items()}


def test_corrected_masks_train_only_with_a_weight(tmp_path: Path) -> None:
    mask = np.zeros((32, 40), np.uint8)
    mask[:, 20:] = 1
    write_mask(tmp_path / "masks" / "0.png", mask)

    def differs(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
        return any(not torch.equal(one[key], other[key]) for key in one)

    plain = trained(tmp_path, 0, tmp_path / "none")
    (tmp_path / "masks" / "1.png").write_bytes(b"is not even read")
    assert not differs(plain, trained(tmp_path, 0, tmp_path / "masks"))
    (tmp_path / "masks" / "1.png").unlink()
    # Only the image that has a mask brings a loss: without any, the weight changes nothing.
    assert not differs(plain, trained(tmp_path, 10, tmp_path / "none"))
    assert differs(plain, trained(tmp_path, 10, tmp_path / "masks"))
