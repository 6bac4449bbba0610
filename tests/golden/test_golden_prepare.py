"""What `prepare` hands on of the data set, field by field."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.golden.nets_by_hand import read_ids
from tests.golden.project import CLASSES, CORRECTED, PHOTOS, draw

pytestmark = pytest.mark.usefixtures("project")


def test_the_manifest_says_what_the_table_and_the_photos_say() -> None:
    written = json.loads(Path("data/prepared/manifest.json").read_text())
    root, samples = Path(written["root"]), written["samples"]
    assert written["classes"] == list(CLASSES)
    for photo, sample in zip(PHOTOS, samples, strict=True):
        file = (root / sample["image"]).read_bytes()
        assert file == Path(f"data/photos/images/{photo.name}.png").read_bytes()
        assert {key: sample[key] for key in sample if key != "image"} == {
            "name": photo.name,
            "sha256": hashlib.sha256(file).hexdigest(),
            "height": photo.size[0],
            "width": photo.size[1],
            "labels": list(photo.labels),
            "split": photo.split,
            "mask": True,
            "score": photo.score,
            "original_height": 0,
            "original_width": 0,
        }
    assert Path("data/prepared/problems.txt").read_text() == ""


def test_true_and_corrected_masks_lie_apart() -> None:
    for photo in PHOTOS:
        np.testing.assert_array_equal(read_ids(Path(f"data/masks/full/{photo.name}.png")), draw(photo)[1])
    (hand,) = Path("data/masks/corrected").iterdir()
    assert hand.name == f"{CORRECTED}.png"
    np.testing.assert_array_equal(read_ids(hand), read_ids(Path("data/corrections") / hand.name))
    assert list(Path("data/attention").glob("*.png")) == []
