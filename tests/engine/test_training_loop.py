"""The training loop: schedule, parameter groups, resuming, errors."""

import math
import os
import signal
import tracemalloc
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pipeline.base import parallel
from pipeline.base.sizes import crop_side
from pipeline.data.images import ImageError, write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.training_examples import TrainingStream
from pipeline.engine import training_loop as training
from pipeline.engine.example_loader import load_shards, loader_count
from pipeline.engine.shards import Objective
from pipeline.engine.training_loop import (
    COLUMNS,
    fit,
    freeze_batch_norm,
    is_scored,
    learning_rate_factor,
    make_optimizer,
    set_learning_rate,
    write_curve,
)
from pipeline.errors import UserError
from pipeline.params import TrainingParams, load_params


def params(**changes: object) -> TrainingParams:
    base = load_params(Path("params.yaml")).classifier.training.model_dump()
    small = {"steps": 6, "batch_size": 2, "warmup_steps": 2, "checkpoint_steps": 2}
    return TrainingParams.model_validate({**base, **small, **changes})


@pytest.fixture
def stream(tmp_path: Path) -> TrainingStream:
    rng = np.random.default_rng(0)
    samples = []
    for i in range(5):
        write_image(tmp_path / f"{i}.png", rng.integers(0, 256, (40, 56, 3), np.uint8))
        samples.append(Sample(str(i), f"{i}.png", "", 40, 56, (i % 2,), "train", False, False))
    manifest = Manifest(str(tmp_path), ("a", "b"), tuple(samples))
    one_hot = {s.name: functional.one_hot(torch.tensor(s.labels[0]), 2).float() for s in samples}
    return TrainingStream(
        manifest,
        samples,
        lambda s: one_hot[s.name],
        params(),
        long_side=48,
        crop=crop_side(params(), 48),
        seed=3,
    )


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=4),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


class Bce(Objective):
    """Cross-entropy; `stop_at` a step, as a killed run does."""

    def __init__(self, stop_at: int = -1) -> None:
        super().__init__()
        self.net = small_net()
        self.stop_at = stop_at

    def forward(
        self, images: torch.Tensor, targets: torch.Tensor, step: int, counts: torch.Tensor
    ) -> torch.Tensor:
        if step == self.stop_at:
            raise InterruptedError
        losses = functional.binary_cross_entropy_with_logits(self.net(images), targets, reduction="none")
        return losses.mean(1).sum() / counts[0]


class NotFinite(Bce):
    """Its loss is NaN in the step with the index `broken`, and from then on by its weights."""

    def __init__(self, broken: int) -> None:
        super().__init__()
        self.broken = broken

    def forward(
        self, images: torch.Tensor, targets: torch.Tensor, step: int, counts: torch.Tensor
    ) -> torch.Tensor:
        loss = super().forward(images, targets, step, counts)
        return loss * math.nan if step == self.broken else loss


def train(
    stream: TrainingStream, checkpoint: Path, p: TrainingParams, objective: nn.Module | None = None
) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    objective = objective or Bce()
    curve = fit(objective, stream, p, pretrained=[], checkpoint=checkpoint, description="test")
    return {key: value.clone() for key, value in objective.state_dict().items()}, curve


def test_learning_rate_by_hand() -> None:
    p = params(steps=10, warmup_steps=3, poly_power=1.0)
    # Warm-up 1/4, 2/4, 3/4, 1; poly 1 - step / 10.
    assert [round(learning_rate_factor(p, step), 4) for step in (0, 1, 4, 9)] == [0.25, 0.45, 0.6, 0.1]


def test_pretrained_parameters_learn_slower() -> None:
    net, p = small_net(), params(lr=0.1, pretrained_lr_factor=0.01, warmup_steps=0)
    optimizer = make_optimizer(net, p, list(net[0].parameters()))
    assert set_learning_rate(optimizer, p, 0) == pytest.approx(0.1)
    rates = {id(q): group["lr"] for group in optimizer.param_groups for q in group["params"]}
    assert rates[id(net[0].weight)] == pytest.approx(0.001)
    assert rates[id(net[6].weight)] == pytest.approx(0.1)
    assert len(rates) == len(list(net.parameters()))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_norms_and_biases_do_not_decay(optimizer: str) -> None:
    net, p = small_net(), params(optimizer=optimizer, weight_decay=0.3)
    groups = make_optimizer(net, p, list(net[0].parameters())).param_groups
    decays = {id(q): group["weight_decay"] for group in groups for q in group["params"]}
    named = {name: decays[id(parameter)] for name, parameter in net.named_parameters()}
    assert named == {  # 0 and 6 have matrices; 1 is BatchNorm
        "0.weight": 0.3,
        "0.bias": 0,
        "1.weight": 0,
        "1.bias": 0,
        "6.weight": 0.3,
        "6.bias": 0,
    }


def test_without_a_gradient_only_matrices_shrink() -> None:
    net, p = small_net(), params(lr=0.1, weight_decay=0.5)
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(net, p, []).step()
    for name, parameter in net.named_parameters():
        kept = 1 - 0.1 * 0.5 if parameter.ndim > 1 else 1  # AdamW: 1 - lr * decay
        torch.testing.assert_close(parameter.detach(), kept * before[name])


def test_an_interrupted_training_ends_with_the_same_bytes(stream: TrainingStream, tmp_path: Path) -> None:
    whole, curve = train(stream, tmp_path / "whole.pt", params())

    with pytest.raises(InterruptedError):
        train(stream, tmp_path / "c.pt", params(), Bce(stop_at=5))
    again, curve_again = train(stream, tmp_path / "c.pt", params())
    assert curve_again == curve
    assert all(torch.equal(whole[key], again[key]) for key in whole)


@pytest.mark.parametrize(("seconds", "step"), [(0.0, 5), (-math.inf, 5), (math.inf, None)])
def test_a_checkpoint_is_never_older_than_some_minutes(
    stream: TrainingStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, step: int | None
) -> None:
    rare = params(checkpoint_steps=100)
    whole, curve = train(stream, tmp_path / "whole.pt", rare)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", seconds)
    with pytest.raises(InterruptedError):
        train(stream, tmp_path / "c.pt", rare, Bce(stop_at=5))
    saved = torch.load(tmp_path / "c.pt", weights_only=True) if (tmp_path / "c.pt").exists() else None
    assert (saved and saved["progress"]["step"]) == step
    again, curve_again = train(stream, tmp_path / "c.pt", rare)
    assert curve_again == curve
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_results_do_not_depend_on_loader_workers(
    stream: TrainingStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    alone, _ = train(stream, tmp_path / "a.pt", params())
    monkeypatch.setenv("CAMSEG_LOADERS", "2")
    together, _ = train(stream, tmp_path / "b.pt", params())
    assert all(torch.equal(alone[key], together[key]) for key in alone)


def killed(_stream: TrainingStream, _index: int) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_loader_that_the_system_ends_is_told(
    stream: TrainingStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", "1")
    monkeypatch.setattr(TrainingStream, "__getitem__", killed)
    steps = load_shards(stream, params(), 0, range(1), torch.device("cpu"))
    with pytest.raises(UserError, match=r"memory was full. Set CAMSEG_LOADERS to fewer, 0 for none, and run"):
        next(steps)


@pytest.mark.parametrize(("shards", "own"), [(1, range(1)), (4, range(4)), (4, range(2, 4))])
def test_each_process_loads_its_shards_of_each_step(
    shards: int, own: range, stream: TrainingStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    monkeypatch.setattr(
        TrainingStream, "__getitem__", lambda _, i: (torch.full((3, 1, 1), i), torch.tensor(i))
    )
    section = params(steps=5, batch_size=8, shards=shards)
    loaded = load_shards(stream, section, 3, own, torch.device("cpu"))
    numbers = [[targets.tolist() for _, targets in step] for step in loaded]
    each = 8 // shards
    assert numbers == [
        [list(range(first := 8 * step + each * n, first + each)) for n in own] for step in (3, 4)
    ]


def test_a_long_training_takes_no_memory_for_the_steps_to_come(
    stream: TrainingStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    steps = load_shards(stream, params(steps=10**6, batch_size=16), 0, range(1), torch.device("cpu"))
    tracemalloc.start()
    next(steps)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6  # a byte a step


def test_a_gpu_is_fed_by_more_loaders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMSEG_LOADERS", raising=False)
    for cores, beside_a_cpu, for_a_gpu in ((1, 1, 1), (8, 2, 8), (64, 2, 16)):
        monkeypatch.setattr(parallel, "cpu_count", lambda cores=cores: cores)
        assert loader_count(torch.device("cpu")) == beside_a_cpu
        assert loader_count(torch.device("cuda")) == for_a_gpu
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")  # of a group on a machine with 64 cores
    assert loader_count(torch.device("cuda")) == 8
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    assert loader_count(torch.device("cuda")) == 0
    monkeypatch.setenv("CAMSEG_LOADERS", "two")
    with pytest.raises(ValueError, match="CAMSEG_LOADERS: expected a whole number of at least 0, got 'two'"):
        loader_count(torch.device("cuda"))


@pytest.mark.parametrize(("broken", "saved"), [(0, None), (2, 2), (5, 4)])
def test_a_loss_that_is_not_finite_stops_with_advice(
    stream: TrainingStream, tmp_path: Path, broken: int, saved: int | None
) -> None:
    checkpoint = tmp_path / "c.pt"
    with pytest.raises(UserError, match=rf"test: the loss is nan at step {broken + 1} .*Lower training.lr"):
        train(stream, checkpoint, params(), NotFinite(broken))
    # The last checkpoint is of before: its weights are finite.
    assert checkpoint.exists() == (saved is not None)
    if saved is not None:
        state = torch.load(checkpoint, weights_only=True)
        assert state["progress"]["step"] == saved
        assert all(tensor.isfinite().all() for tensor in state["objective"].values())


@pytest.mark.parametrize("loaders", ["0", "2"])
def test_an_image_that_is_lost_is_named_in_one_line(
    stream: TrainingStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaders: str
) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", loaders)
    (tmp_path / "3.png").unlink()
    with pytest.raises(ImageError, match=r"^[^\n]*3\.png[^\n]*$"):
        train(stream, tmp_path / "c.pt", params())


def test_a_bug_in_a_loader_keeps_its_traceback(
    stream: TrainingStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", "2")
    stream.target = broken
    with pytest.raises(ZeroDivisionError, match=r"Original Traceback(.|\n)*in broken"):
        train(stream, tmp_path / "c.pt", params())


def broken(_sample: Sample) -> torch.Tensor:
    return torch.tensor(1 / 0)


def test_frozen_batch_norm_keeps_its_statistics() -> None:
    net = small_net().train()
    freeze_batch_norm(net)
    before = net[1].running_mean.clone()
    net(torch.rand(4, 3, 32, 32))
    assert torch.equal(net[1].running_mean, before)
    assert not net[1].weight.requires_grad
    assert net[0].weight.requires_grad


# Scores of held-out images


class Scored:
    """Scores a network, in eval mode as predictions do, and leaves the generator elsewhere."""

    def __init__(self, objective: Bce) -> None:
        self.objective, self.calls = objective, 0

    def __call__(self) -> dict[str, float]:
        self.calls += 1
        torch.rand(self.calls)
        with torch.inference_mode():
            logits = self.objective.net.eval()(torch.full((1, 3, 32, 32), 0.5))
        return {"score": logits[0, 0].item(), "unknown": math.nan}


def scored(
    stream: TrainingStream, checkpoint: Path, p: TrainingParams, stop_at: int = -1
) -> tuple[dict[str, torch.Tensor], list[dict[str, float]], Scored]:
    objective = Bce(stop_at)
    score = Scored(objective)
    curve = fit(objective, stream, p, pretrained=[], checkpoint=checkpoint, description="test", score=score)
    assert all(part.training for part in objective.modules())
    return {key: value.clone() for key, value in objective.state_dict().items()}, curve, score


def test_when_held_out_images_are_scored() -> None:
    def steps(total: int) -> list[int]:
        return [step for step in range(1, total + 1) if is_scored(step, total)]

    assert steps(25) == [10, 20, 25]
    assert steps(400) == list(range(20, 401, 20))  # 40 rows: every second one
    assert len(steps(1000)) == 20
    assert len(steps(2613)) == 21  # every 130 steps, and the last one


def test_scores_change_nothing_and_stand_in_the_curve(stream: TrainingStream, tmp_path: Path) -> None:
    p = params(steps=24)
    weights, curve = train(stream, tmp_path / "plain.pt", p)
    others, with_scores, score = scored(stream, tmp_path / "scored.pt", p)
    for key, value in weights.items():
        torch.testing.assert_close(others[key], value, rtol=0, atol=0)
    assert score.calls == 3
    assert [row["step"] for row in with_scores] == [10, 20, 24]
    assert [{key: row[key] for key in COLUMNS} for row in with_scores] == curve
    assert with_scores[-1]["score"] == score()["score"]  # of the network as it was at the end
    write_curve(tmp_path, with_scores)
    assert (tmp_path / "curve.csv").read_text().splitlines()[0] == "step,loss,lr,score"
    write_curve(tmp_path, curve)
    assert (tmp_path / "curve.csv").read_text().splitlines()[0] == "step,loss,lr"


def test_a_training_that_goes_on_has_the_same_scores(stream: TrainingStream, tmp_path: Path) -> None:
    p = params(steps=24)
    weights, curve, _ = scored(stream, tmp_path / "whole.pt", p)
    with pytest.raises(InterruptedError):
        scored(stream, tmp_path / "killed.pt", p, stop_at=15)
    others, again, score = scored(stream, tmp_path / "killed.pt", p)
    assert again == curve
    assert score.calls == 2  # not those before the checkpoint
    for key, value in weights.items():
        torch.testing.assert_close(others[key], value, rtol=0, atol=0)
