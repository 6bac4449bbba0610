"""Which masks are drawn how often, and that loaders of every kind can be handed the examples."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.training_examples import TrainingStream
from pipeline.engine.training_loop import Record
from pipeline.params import Params, load_params
from pipeline.segmentation import segmentation_training as training
from pipeline.segmentation.segmentation_training import MaskedSamples, train_segmentation
from tests.segmentation.test_teacher import tiny_net

NAMES = ("a", "b", "c", "d")
SHIPPED = load_params(Path(__file__).parents[2] / "params.yaml")


def sample(name: str) -> Sample:
    return Sample(name, f"{name}.png", "", 24, 32, (NAMES.index(name) % 2,), "train", False, False)


def params(repeats: int, confidence: float) -> Params:
    teacher = SHIPPED.segmentation.teacher.model_copy(update={"confidence": confidence})
    section = SHIPPED.segmentation.model_copy(update={"corrected_repeats": repeats, "teacher": teacher})
    data = SHIPPED.data.model_copy(update={"long_side": 32})
    return SHIPPED.model_copy(update={"segmentation": section, "data": data})


def recorded_stream(
    folder: Path,
    patch: pytest.MonkeyPatch,
    trusted: set[str],
    repeats: int = 3,
    confidence: float = 0.8,
) -> TrainingStream:
    """The examples that a training on four images would have seen."""
    for number, name in enumerate(NAMES):
        write_image(folder / f"{name}.png", np.full((24, 32, 3), (number, 90, 90), np.uint8))
        write_mask(folder / "masks" / f"{name}.png", np.full((24, 32), number % 2 + 1, np.uint8))
    streams: list[TrainingStream] = []

    def note(_objective: object, stream: TrainingStream, *_: object, **__: object) -> list[Record]:
        streams.append(stream)
        return []

    patch.setattr(training, "fit", note)
    samples = [sample(name) for name in NAMES]
    manifest = Manifest(str(folder), ("x", "y"), tuple(samples))
    data = MaskedSamples(manifest, samples, folder / "masks", trusted)
    train_segmentation(tiny_net(), data, params(repeats, confidence), folder / "c.pt", "test")
    return streams[0]


def test_trusted_masks_are_drawn_more_often_than_others() -> None:
    samples = [sample(name) for name in NAMES]

    def repeated(trusted: set[str], times: int) -> list[Sample]:
        manifest = Manifest("", ("x", "y"), tuple(samples))
        return MaskedSamples(manifest, samples, Path("masks"), trusted).repeated(times)

    assert Counter(s.name for s in repeated({"b", "d"}, 3)) == {"a": 1, "b": 3, "c": 1, "d": 3}
    assert repeated({"b"}, 1) == samples
    assert repeated(set(), 3) == samples
    assert repeated(set(NAMES), 3) == samples  # `full`: none is worth more than another


def test_a_training_draws_them_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = recorded_stream(tmp_path, monkeypatch, {"c"}, repeats=4)
    drawn = Counter(stream.samples[stream._sample_index(i)].name for i in range(2 * 7))  # two epochs
    assert drawn == {"a": 2, "b": 2, "c": 8, "d": 2}


@pytest.mark.parametrize("confidence", [1.0, 0.8])
def test_examples_are_the_same_in_a_process_that_is_not_a_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, confidence: float
) -> None:
    """macOS starts its loaders anew: they get the stream as a pickle."""
    stream = recorded_stream(tmp_path, monkeypatch, {"c"}, confidence=confidence)
    handed = pickle.loads(pickle.dumps(stream))
    torch.testing.assert_close(handed[5], stream[5], rtol=0, atol=0)
