"""How many images a segmentation model was trained on, as its stage writes."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, Sample, Split, write_manifest
from pipeline.data.mask_store import mask_path
from pipeline.segmentation.segmentation_training import MaskedSamples
from pipeline.stages import train_segmentation as stage

SHIPPED = Path(__file__).parents[2] / "params.yaml"
SIZE = (6, 9)


def make_sample(name: str) -> Sample:
    split: Split = "val" if name.startswith("val") else "train"
    return Sample(name, f"{name}.png", "", *SIZE, (0,), split, True, True)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A project of 3 training images, 2 of them with a mask, and a val image; the samples that train."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    samples = [make_sample(name) for name in ("train1", "train2", "train3", "val1")]
    write_manifest(paths.PREPARED, Manifest("", ("cat",), tuple(samples)))
    names: list[str] = []

    def train(_net: object, masked: MaskedSamples, *_: object) -> list[object]:
        names.extend(sample.name for sample in masked.samples)
        return []

    monkeypatch.setattr(stage, "train_segmentation", train)
    monkeypatch.setattr(stage, "new_net", lambda *_: None)
    monkeypatch.setattr(stage, "save_segmentation_net", lambda folder, _net: folder.mkdir(parents=True))
    for sample in (samples[0], samples[2], samples[3]):
        write_mask(mask_path(paths.GROUND_TRUTH, sample), np.zeros(SIZE, np.uint8))
    return names


def images(supervision: str) -> int:
    metrics = json.loads((paths.REPORTS / "segmentation" / supervision / "metrics.json").read_text())
    return int(metrics["images"])


def test_images_are_counted_where_they_train(trained: list[str]) -> None:
    paths.CLASSIFIER.mkdir(parents=True)
    stage.main("full")
    assert trained == ["train1", "train3"]
    assert images("full") == 2


def test_a_skipped_training_has_seen_no_image(trained: list[str]) -> None:
    stage.main("cam")
    assert trained == []
    assert images("cam") == 0
