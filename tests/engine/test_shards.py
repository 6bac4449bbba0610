"""A batch in shards: closed forms, and the same bytes for any number of processes, killed or not."""

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.data.images import IGNORE, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.training_examples import TrainingTarget, derive_seed
from pipeline.engine import shards
from pipeline.engine.processes import group
from pipeline.engine.shards import Objective, batch_loss, tree_sum
from pipeline.engine.training_loop import COLUMNS
from pipeline.params import Params, load_params
from pipeline.segmentation import segmentation_training
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from pipeline.segmentation.objective import TrainableSegmentation
from pipeline.segmentation.segmentation_training import MaskedSamples, train_segmentation
from tests.forks import FORKS, in_group

pytestmark = pytest.mark.filterwarnings(FORKS)

SHIPPED = load_params(Path(__file__).parents[2] / "params.yaml")
STEPS = 6


class Tiny(nn.Module):
    """Scores of three ids, by BatchNorm and dropout where they are asked for."""

    def __init__(self, *, plain: bool) -> None:
        super().__init__()
        between = [nn.Tanh()] if plain else [nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)]
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *between)
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.encoder(images))
        return scores


def tiny_net(*, plain: bool = False, background: bool = True) -> SegmentationNet:
    torch.manual_seed(0)
    names = ("x", "y") if background else ("x", "y", "z")
    return SegmentationNet(Tiny(plain=plain), SegmentationConfig(names, 32, background))


def small_params(count: int, **changes: object) -> Params:
    """The shipped ones with a short training; the teacher corrects from the third step on."""
    training = {"steps": STEPS, "batch_size": 8, "warmup_steps": 1, "checkpoint_steps": 2, "lr": 0.05}
    section = SHIPPED.segmentation
    update = {
        "training": section.training.model_copy(update={**training, "shards": count, **changes}),
        "teacher": section.teacher.model_copy(update={"confidence": 0.4, "start": 0.3, "decay": 0.5}),
    }
    data = SHIPPED.data.model_copy(update={"long_side": 32})
    return SHIPPED.model_copy(update={"segmentation": section.model_copy(update=update), "data": data})


# Closed forms


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float64 stays float64 on processors with bfloat16 too."""
    monkeypatch.setattr(shards, "autocast", lambda _: nullcontext())


def uneven_batch() -> tuple[Tensor, Tensor, Tensor]:
    """Images, masks and allowed ids of 8 images: background and foreground are spread unevenly."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(8, 3, 16, 20, generator=generator, dtype=torch.float64)
    masks = torch.randint(3, (8, 16, 20), generator=generator)
    masks[:2] = 0  # the first of 4 shards has no foreground,
    masks[2:4, 1:] = IGNORE  # the second few known pixels,
    masks[4:6] = IGNORE  # the third none
    return images, masks, torch.ones(8, 3, dtype=torch.bool)


def loss_and_gradients(
    objective: Objective, images: Tensor, targets: TrainingTarget, count: int, step: int
) -> list[Tensor]:
    cut = [images.chunk(count)] + [
        t.chunk(count) for t in ([targets] if isinstance(targets, Tensor) else targets)
    ]
    parts = [(i, t[0] if isinstance(targets, Tensor) else t) for i, *t in zip(*cut, strict=True)]
    loss = batch_loss(objective, parts, step, [0] * count, count)
    return [loss, *(p.grad for p in objective.parameters() if p.grad is not None)]


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("taught", [True, False])
def test_the_loss_of_shards_is_that_of_the_batch(exact: None, taught: bool, background: bool) -> None:
    """Without BatchNorm and dropout: means of the shards' means would be far off."""
    images, masks, allowed = uneven_batch()
    targets = (masks, allowed) if taught else masks
    results = []
    for count in (1, 2, 4):
        section = small_params(count).segmentation
        net = tiny_net(plain=True, background=background)
        objective = TrainableSegmentation(net, section, 0.3, taught=taught).double().train()
        results.append(loss_and_gradients(objective, images, targets, count, STEPS))
    (whole, *gradients), *others = results
    for summed, *of_shards in others:
        torch.testing.assert_close(summed, whole, rtol=1e-6, atol=0)  # the losses of pixels are float32
        for gradient, other in zip(gradients, of_shards, strict=True):
            torch.testing.assert_close(other, gradient, rtol=1e-12, atol=1e-15)
    assert whole > 0


def test_batch_norm_has_the_statistics_of_its_shard_and_keeps_their_mean(exact: None) -> None:
    net = nn.BatchNorm2d(3, affine=False).double()

    class Power(Objective):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.weight = net, nn.Parameter(torch.ones((), dtype=torch.float64))
            self.seen: list[Tensor] = []

        def forward(self, images: Tensor, targets: TrainingTarget, step: int, counts: Tensor) -> Tensor:
            self.seen.append(self.net(images))
            return (self.seen[-1] ** 2).sum() * self.weight / counts[0]

    objective, images = Power().train(), torch.rand(4, 3, 5, 7, dtype=torch.float64) * 3
    halves = [images[:2], images[2:]]
    loss = batch_loss(objective, [(half, half) for half in halves], 0, [0, 0], 2)
    mean = torch.stack([half.mean((0, 2, 3)) for half in halves])
    var = torch.stack([half.var((0, 2, 3)) for half in halves])
    torch.testing.assert_close(net.running_mean, 0.1 * mean.mean(0))  # from 0, with momentum 0.1
    torch.testing.assert_close(net.running_var, 0.9 + 0.1 * var.mean(0))
    assert net.num_batches_tracked == 1
    for out, half, m in zip(objective.seen, halves, mean, strict=True):
        biased = half.var((0, 2, 3), correction=0)
        expected = (half - m[:, None, None]) / (biased[:, None, None] + net.eps).sqrt()
        torch.testing.assert_close(out, expected)
    torch.testing.assert_close(objective.weight.grad, loss)


def test_sums_are_those_of_halves_of_halves() -> None:
    asked: list[int] = []

    def summand(number: int) -> list[Tensor]:
        asked.append(number)
        # 2^-24 is half of what float32 can add to 1: alone it is lost, two of it are not.
        return [torch.tensor([1.0, 2**-24, 2**-24, 0.0])[number : number + 1].clone()]

    assert tree_sum(summand, range(4))[0].item() == 1  # (1 + 2^-24) + (2^-24 + 0)
    assert asked == [0, 1, 2, 3]
    assert tree_sum(lambda n: summand(n + 1), range(2))[0].item() == 2**-23


def test_one_shard_has_the_seed_of_a_batch() -> None:
    # Written down before there were shards: dropout has not changed since.
    assert derive_seed(7, 500, 3, 0) == derive_seed(7, 500, 3)
    assert len({derive_seed(7, 500, 3, shard) for shard in range(8)}) == 8


# The same bytes


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MaskedSamples:
    """Noisy masks of five images; that of the first is true."""
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    monkeypatch.setenv("CAMSEG_DEVICE", "cpu")
    rng = np.random.default_rng(0)
    samples = []
    for i in range(5):
        write_image(tmp_path / f"{i}.png", rng.integers(0, 256, (32, 40, 3), np.uint8))
        mask = rng.choice([0, 1 + i % 2, 255], (32, 40), p=[0.6, 0.3, 0.1]).astype(np.uint8)
        write_mask(tmp_path / f"masks/{i}.png", mask)
        samples.append(Sample(str(i), f"{i}.png", "", 32, 40, (i % 2,), "train", False, False))
    return MaskedSamples(
        Manifest(str(tmp_path), ("x", "y"), tuple(samples)), samples, tmp_path / "masks", ["0"]
    )


def trained(data: MaskedSamples, checkpoint: Path, params: Params) -> dict[str, Any]:
    """Weights, running statistics and curve, in bytes."""
    net = tiny_net()
    curve = train_segmentation(net, data, params, checkpoint, "test")
    return {key: value.numpy().tobytes() for key, value in net.state_dict().items()} | {"curve": curve}


def files_and_result(data: MaskedSamples, folder: Path, size: int, params: Params) -> tuple[Any, bytes]:
    results = in_group(size, partial(trained, data, folder / "c.pt", params))
    assert all(result == results[0] for result in results if result is not None)
    return results[0], (folder / "c.pt").read_bytes()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_results_do_not_depend_on_the_number_of_processes(
    size: int, data: MaskedSamples, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = trained(data, tmp_path / "alone.pt", small_params(4)), (tmp_path / "alone.pt").read_bytes()
    assert files_and_result(data, tmp_path, size, small_params(4)) == alone
    used = {2: 2, 3: 2, 4: 4}[size]  # the largest number that divides the shards
    assert f"test: {used} of {size} processes train (training.shards: 4)" in capfd.readouterr().out
    assert alone[0] != trained(data, tmp_path / "whole.pt", small_params(1))


def test_the_first_process_scores_held_out_images(data: MaskedSamples, tmp_path: Path) -> None:
    data = replace(data, samples=data.samples[:3], held_out=data.samples[3:])
    alone = trained(data, tmp_path / "alone.pt", small_params(4))
    first, second = in_group(2, partial(trained, data, tmp_path / "c.pt", small_params(4)))
    assert first == alone
    assert second.pop("curve") == [{key: row[key] for key in COLUMNS} for row in first.pop("curve")]
    assert second == first
    assert (tmp_path / "c.pt").read_bytes() == (tmp_path / "alone.pt").read_bytes()
    assert set(alone["curve"][-1]) > set(COLUMNS)


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 1), (1, 2)])
def test_a_process_is_killed_and_others_go_on(
    before: int, after: int, data: MaskedSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = trained(data, tmp_path / "alone.pt", small_params(4))

    class Killed(TrainableSegmentation):
        def settle(self, *args: Any) -> Any:
            if args[1] == 3 and group().rank == group().size - 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().settle(*args)

    with monkeypatch.context() as patch:
        patch.setattr(segmentation_training, "TrainableSegmentation", Killed)
        told = in_group(before, partial(trained, data, tmp_path / "c.pt", small_params(4)))
    assert told[-1] is None
    assert all(error[0] == "PeerLost" for error in told[:-1])
    saved = torch.load(tmp_path / "c.pt", weights_only=True)
    assert saved["progress"]["step"] == 2
    assert files_and_result(data, tmp_path, after, small_params(4))[0] == alone


def test_a_loss_that_is_not_finite_is_told_by_all_alike(
    data: MaskedSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(TrainableSegmentation):
        def forward(self, *args: Any) -> Tensor:
            return super().forward(*args) * (torch.nan if group().rank == 1 else 1)

    monkeypatch.setattr(segmentation_training, "TrainableSegmentation", Broken)
    work: Callable[[], Any] = partial(trained, data, tmp_path / "c.pt", small_params(2, batch_size=4))
    told = in_group(2, work)
    assert "the loss is nan at step 1" in told[0][1]
    assert told[0][0] == "UserError"


@pytest.mark.parametrize(("batch", "count"), [(8, 3), (8, 8), (6, 4), (8, 0)])
def test_shards_are_equal_and_halves_of_halves(batch: int, count: int) -> None:
    training = SHIPPED.segmentation.training.model_dump() | {"batch_size": batch, "shards": count}
    with pytest.raises(ValueError, match=r"shards|greater"):
        type(SHIPPED.segmentation.training).model_validate(training)


def test_attention_mining_needs_the_whole_batch() -> None:
    section = SHIPPED.classifier.model_dump()
    section["training"]["shards"], section["gain"]["weight"] = 2, 1.0
    with pytest.raises(ValueError, match=r"training.shards: 1 with gain.weight"):
        type(SHIPPED.classifier).model_validate(section)
