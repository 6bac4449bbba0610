"""What `prepare` hands on of the data set, field by field."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.golden.nets_by_hand import read_ids
from tests.golden.project import CLASSES, CORRECTED, SAMPLES, draw

pytestmark = pytest.mark.usefixtures("project")


def test_the_manifest_says_what_the_table_and_the_images_say() -> None:
    written = json.loads(Path("data/prepared/manifest.json").read_text())
    root, entries = Path(written["root"]), written["samples"]
    assert written["classes"] == list(CLASSES)
    for sample, entry in zip(SAMPLES, entries, strict=True):
        file = (root / entry["image"]).read_bytes()
        assert file == Path(f"data/photos/images/{sample.name}.png").read_bytes()
        assert {key: entry[key] for key in entry if key != "image"} == {
            "name": sample.name,
            "sha256": hashlib.sha256(file).hexdigest(),
            "height": sample.size[0],
            "width": sample.size[1],
            "labels": list(sample.labels),
            "split": sample.split,
            "mask": True,
            "score": sample.score,
        }
    assert Path("data/prepared/problems.txt").read_text() == ""


def test_ground_truth_and_corrected_masks_lie_apart() -> None:
    for sample in SAMPLES:
        np.testing.assert_array_equal(read_ids(Path(f"data/masks/full/{sample.name}.png")), draw(sample)[1])
    (hand,) = Path("data/masks/corrected").iterdir()
    assert hand.name == f"{CORRECTED}.png"
    np.testing.assert_array_equal(read_ids(hand), read_ids(Path("data/corrections") / hand.name))
    assert list(Path("data/attention").glob("*.png")) == []
