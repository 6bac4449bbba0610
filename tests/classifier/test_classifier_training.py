"""What a training of the classifier knows of an image."""

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.base.sizes import crop_side
from pipeline.classifier.classifier_training import target
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.training_examples import TrainingStream
from pipeline.params import load_params

SAMPLE = Sample("a", "a.png", "", 24, 32, (0, 2), "train", False, False)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    write_mask(tmp_path / "masks/a.png", np.full((24, 32), 3, np.uint8))
    return tmp_path / "masks"


def test_a_mask_is_known_where_there_is_one(masks: Path, tmp_path: Path) -> None:
    labels = torch.tensor([1.0, 0, 1, 0])
    torch.testing.assert_close(target(4, None, SAMPLE), labels)
    for folder, known in ((masks, 3), (tmp_path / "none", 255)):
        result = target(4, folder, SAMPLE)
        assert isinstance(result, tuple)
        assert torch.equal(torch.as_tensor(result[0]), labels)
        assert np.array_equal(result[1], np.full((24, 32), known))


@pytest.mark.parametrize("supervised", [False, True])
def test_examples_are_the_same_in_a_process_that_is_not_a_fork(
    masks: Path, tmp_path: Path, supervised: bool
) -> None:
    """macOS starts its loaders anew: they get the stream as a pickle."""
    write_image(tmp_path / "a.png", np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3))
    manifest, section = Manifest(str(tmp_path), tuple("wxyz"), (SAMPLE,)), load_params().classifier.training
    known = partial(target, 4, masks if supervised else None)
    stream = TrainingStream(
        manifest, [SAMPLE], known, section, long_side=32, crop=crop_side(section, 32), seed=1
    )
    handed = pickle.loads(pickle.dumps(stream))
    torch.testing.assert_close(handed[5], stream[5], rtol=0, atol=0)
