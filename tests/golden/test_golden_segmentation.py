"""Training of segmentation models through the stage, against a loop without the pipeline, to six digits."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.stages import train_segmentation
from tests.golden import project
from tests.golden.project import CLASSES, CORRECTED, GoldenSample, make_project
from tests.golden.segmentation_stub import HIDDEN, start_weights, use_pixel_net
from tests.golden.training_loop_by_hand import Trained, make_example, train_by_hand

SIDE = 32  # of every image the longer one, as of the network and of the crop: all of an image is always seen
SIZES = ((24, 32), (32, 20), (16, 32), (32, 32), (20, 32), (32, 24), (32, 16), (28, 32))
STEPS = 23
ENCODER_FACTOR = 0.25  # of the learning rate
CLIP = 0.3  # of the norm of the gradient
TRAINING: dict[str, object] = {
    "data.long_side": SIDE,
    "classifier.weights": "pretrained",  # the encoder is pretrained, and learns more slowly
    "segmentation.background_prior": 0.6,
    "segmentation.corrected_repeats": 3,
    "segmentation.teacher.confidence": 0.7,
    "segmentation.teacher.start": 0.4,
    "segmentation.teacher.decay": 0.8,
    "segmentation.training.steps": STEPS,
    "segmentation.training.crop": 1.0,
    "segmentation.training.scale": [1.0, 1.0],
    "segmentation.training.colour_jitter": 0.0,
    "segmentation.training.optimizer": "sgd",
    "segmentation.training.lr": 0.2,
    "segmentation.training.pretrained_lr_factor": ENCODER_FACTOR,
    "segmentation.training.clip_norm": CLIP,
    "segmentation.training.weight_decay": 0.02,
    "segmentation.training.warmup_steps": 4,
    "segmentation.training.poly_power": 0.7,
}


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.2), ("adamw", 0.05)])
def test_training_on_pseudo_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, rate: float
) -> None:
    make_trainable(tmp_path, monkeypatch, {"optimizer": optimizer, "lr": rate, "batch_size": 7})
    samples = trained_samples()
    masks = {sample.name: pseudo_mask(sample) for sample in samples}
    write_masks(Path("data/masks/cam"), masks)
    Path("data/masks/cam/corrected.txt").write_text(f"{CORRECTED}\n")
    train_segmentation.main("cam")
    often = [p for p in samples if p.name == CORRECTED] * 2  # three times in all, beside four others
    expected = by_hand([*samples, *often], masks, trusted={CORRECTED})
    assert_trained("cam", expected)
    first = 10  # from 0.4 * 23 on
    assert not any(expected.corrected[:first])
    assert min(expected.corrected[first:]) > 50
    assert min(expected.norms) < CLIP < max(expected.norms)


def test_training_on_ground_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`full`: of training images alone, without a teacher; an image without a mask is left out."""
    make_trainable(tmp_path, monkeypatch, {"batch_size": 4})
    Path("data/masks/full/b.png").unlink()
    train_segmentation.main("full")
    samples = [sample for sample in trained_samples() if sample.name != "b"]
    masks = {sample.name: np.array(Image.open(f"data/masks/full/{sample.name}.png")) for sample in samples}
    assert_trained("full", by_hand(samples, masks, trusted=set(masks)))


def make_trainable(folder: Path, patch: pytest.MonkeyPatch, training: Mapping[str, object]) -> None:
    """A project of images of one long side, the stub in the place of the network, and its start."""
    sized = tuple(replace(sample, size=size) for sample, size in zip(project.SAMPLES, SIZES, strict=True))
    patch.setattr(project, "SAMPLES", sized)
    changes = {f"segmentation.training.{key}": value for key, value in training.items()}
    make_project(folder, patch, {**TRAINING, **changes})
    use_pixel_net(patch)
    Path("models/classifier").mkdir(parents=True)
    save_file({"encoder.weight": encoder_start().float()}, "models/classifier/model.safetensors")


def encoder_start() -> Tensor:
    return torch.from_numpy(start_weights(HIDDEN, 4, seed=3))


def trained_samples() -> list[GoldenSample]:
    return [sample for sample in project.SAMPLES if sample.split == "train"]


def pseudo_mask(sample: GoldenSample) -> np.ndarray:
    """The ground truth with noise of the image's own ids, of one that may be wrong, and of 255."""
    _, mask = project.draw(sample)
    rng = np.random.default_rng(ord(sample.name))
    ids = np.array([0, *(label + 1 for label in sample.labels), 3, 255])
    return np.where(rng.random(mask.shape) < 0.3, rng.choice(ids, mask.shape), mask).astype(np.uint8)


def write_masks(folder: Path, masks: Mapping[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for name, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{name}.png")


def by_hand(
    drawn: Sequence[GoldenSample], masks: Mapping[str, np.ndarray], trusted: Collection[str]
) -> Trained:
    """The training on one batch of all that is drawn, from the file params.yaml and the images' files."""
    batch = []
    for sample in drawn:
        image = np.array(Image.open(f"data/photos/images/{sample.name}.png"))
        allowed = [] if sample.name in trusted else [0, *(label + 1 for label in sample.labels)]
        batch.append(make_example(image, masks[sample.name], allowed))
    section = YAML(typ="safe").load(Path("params.yaml").read_text())["segmentation"]
    assert section["training"]["batch_size"] == len(batch)
    head = torch.from_numpy(start_weights(len(CLASSES) + 1, HIDDEN + 1, seed=1))
    return train_by_hand([encoder_start(), head], batch, section, ENCODER_FACTOR)


def assert_trained(supervision: str, expected: Trained) -> None:
    """The curve and the weights that the stage wrote are the expected ones to six digits."""
    with Path(f"reports/segmentation/{supervision}/curve.csv").open() as file:
        curve = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert [row["step"] for row in curve] == [10, 20, STEPS]  # a row averages over the steps since the last
    for row, first in zip(curve, (0, 10, 20), strict=True):
        last = int(row["step"])
        assert row["loss"] == pytest.approx(np.mean(expected.losses[first:last]), abs=1e-6)
        assert row["lr"] == pytest.approx(expected.rates[last - 1], abs=1e-9)
    actual = load_file(f"models/segmentation/{supervision}/model.safetensors")
    for key, weights in zip(("encoder.weight", "head"), expected.weights, strict=True):
        torch.testing.assert_close(actual[key], weights, rtol=0, atol=1e-6)
