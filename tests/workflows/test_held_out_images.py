"""Held-out images: no network learns from them, and the curves have their scores."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, jaccard_score

from pipeline import paths
from pipeline.base.files import write_lines
from pipeline.classifier.classifier_training import train_classifier
from pipeline.classifier.network import make_classifier
from pipeline.data.images import read_mask, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine import processes
from pipeline.engine.training_loop import Record
from pipeline.params import Params, load_params
from pipeline.segmentation.prediction import predict_probabilities
from pipeline.segmentation.segmentation_training import train_segmentation
from pipeline.workflows.segmentation_training_files import masked_samples, new_net

CLASSES = ("x", "y", "z")
SIZE = (48, 64)
NAMES = tuple("abcdefgh")
HELD = ("b", "e", "g")  # `b` and `e` show x and y, `g` both
LABELS = dict(zip(NAMES, ((0,), (0,), (1,), (2,), (1,), (), (0, 1), (1, 2)), strict=True))
Trained = tuple[dict[str, torch.Tensor], list[Record], torch.nn.Module]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Images and masks of noise; the masks of `c` and `g` were corrected, three images are held out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    monkeypatch.setenv("CAMSEG_DEVICE", "cpu")
    rng = np.random.default_rng(0)
    for name in NAMES:
        write_image(Path(f"images/{name}.png"), rng.integers(0, 256, (*SIZE, 3), np.uint8))
        ids = [0, *(label + 1 for label in LABELS[name])]
        write_mask(paths.MASKS / f"cam/{name}.png", rng.choice(ids, SIZE).astype(np.uint8))
    write_lines(paths.MASKS / "cam" / paths.BY_HAND, ["c", "g"])
    write_lines(paths.PREPARED / paths.HELD_OUT, HELD)
    return manifest_of(NAMES)


def manifest_of(names: Sequence[str]) -> Manifest:
    samples = [Sample(n, f"{n}.png", "", *SIZE, LABELS[n], "train", False, False) for n in names]
    return Manifest("images", CLASSES, tuple(samples))


def params() -> Params:
    values = load_params(Path(__file__).parents[2] / "params.yaml").model_dump()
    values["data"]["long_side"] = 64
    for section in ("classifier", "segmentation"):
        values[section]["training"] |= {
            "steps": 11,
            "batch_size": 2,
            "warmup_steps": 1,
            "checkpoint_steps": 9,
        }
    values["segmentation"]["weights"] = "none"
    return Params.model_validate(values)


def classifier(manifest: Manifest, held: Sequence[str], checkpoint: str) -> Trained:
    torch.manual_seed(0)
    net = make_classifier(params().classifier, CLASSES)
    curve = train_classifier(net, manifest, set(held), Path("none"), params(), Path(checkpoint))
    return {key: value.clone() for key, value in net.state_dict().items()}, curve, net.eval()


def segmentation(manifest: Manifest, checkpoint: str) -> Trained:
    torch.manual_seed(0)
    net = new_net(params(), manifest)
    curve = train_segmentation(net, masked_samples(manifest, "cam"), params(), Path(checkpoint), "test")
    return {key: value.clone() for key, value in net.state_dict().items()}, curve, net.eval()


def without_held_out(manifest: Manifest) -> Manifest:
    return manifest_of([sample.name for sample in manifest.samples if sample.name not in HELD])


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    for key, value in one.items():
        torch.testing.assert_close(other[key], value, rtol=0, atol=0)


def losses(curve: list[Record]) -> list[Record]:
    return [{key: value for key, value in row.items() if not key.startswith("held_out")} for row in curve]


def expected_map(highest: np.ndarray) -> float:
    """Of the classes that a held-out image shows: x and y."""
    shown = np.array([[c in LABELS[name] for c in range(3)] for name in HELD])
    return float(np.mean([average_precision_score(shown[:, c], highest[:, c]) for c in (0, 1)]))


def test_the_classifier_learns_as_if_they_were_not_there(project: Manifest) -> None:
    weights, curve, net = classifier(project, HELD, "held.pt")
    fewer, plain, _ = classifier(without_held_out(project), (), "fewer.pt")
    assert_equal(weights, fewer)
    assert losses(curve) == plain
    with torch.inference_mode():
        rows = [net(image_tensor(project.image(s), 64)[None])[0] for s in project.samples if s.name in HELD]
    assert curve[-1]["held_out_map"] == pytest.approx(expected_map(torch.stack(rows).sigmoid().numpy()))
    assert [row["step"] for row in curve if "held_out_map" in row] == [10, 11]


def test_the_segmentation_model_learns_as_if_they_were_not_there(project: Manifest) -> None:
    weights, curve, net = segmentation(project, "held.pt")
    fewer, plain, _ = segmentation(without_held_out(project), "fewer.pt")
    assert_equal(weights, fewer)
    assert losses(curve) == plain
    predict = partial(predict_probabilities, net, scales=[1.0], flip=False)
    found = {s.name: predict(project.image(s)).numpy() for s in project.samples if s.name in HELD}
    highest = np.array([found[name][1:].max((1, 2)) for name in HELD])
    assert curve[-1]["held_out_map"] == pytest.approx(expected_map(highest))
    # Of the masks that people corrected, that of `g` alone is held out.
    mask = read_mask(paths.MASKS / "cam/g.png", max_megapixels=1).ravel()
    ious = jaccard_score(mask, found["g"].argmax(0).ravel(), labels=np.unique(mask), average=None)
    assert curve[-1]["held_out_miou"] == pytest.approx(
        ious.mean(), abs=5e-3
    )  # some pixels may be as probable
    assert all("held_out_miou" in row for row in curve)
    trained_on = masked_samples(project, "cam")
    assert [sample.name for sample in trained_on.samples] == ["a", "c", "d", "f", "h"]


@pytest.mark.parametrize("train", [classifier, segmentation])
def test_scoring_shows_no_bar_of_its_own(
    project: Manifest, train: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[bool | None] = []

    class Bar(processes.tqdm):  # type: ignore[type-arg]
        def __init__(self, *args: object, disable: bool | None, **options: object) -> None:
            hidden.append(disable)
            super().__init__(*args, disable=disable, **options)

    monkeypatch.setattr(processes, "tqdm", Bar)
    train(project, *([HELD] if train is classifier else []), "held.pt")
    assert hidden == [True, True]
