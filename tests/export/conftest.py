"""A small finished project: photos in sub-folders, true masks, pseudo-masks with heatmaps, predictions."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.files import write_json
from pipeline.data.manifest import Manifest, Sample, mask_path, write_manifest
from pipeline.data.pictures import write_mask
from pipeline.heatmaps.store import write_index, write_shard
from tests.photos import write_photo

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("disc", "square")
SAMPLES = (
    Sample("a", "images/a.jpg", "", 12, 20, (0,), "train", True, True),
    Sample("empty", "images/empty.jpg", "", 12, 20, (), "train", True, True),
    Sample("sub/b", "images/sub/b.png", "", 15, 9, (0, 1), "train", True, True),
    Sample("v", "images/v.jpg", "", 12, 20, (1,), "val", True, True),
)
# The stored heat of one colour: `a` is sure, `sub/b` has two equal classes. The threshold is 0.5.
HEAT = {
    "a": np.full((1, 3, 5), 255, np.uint8),  # [0.5, 1]: (1 - 0.5) / 1.5 = 1/3
    "sub/b": np.full((2, 4, 3), 255, np.uint8),  # [0.5, 1, 1]: 0
}
CONFIDENCE = {"a": 1 / 3, "empty": 1.0, "sub/b": 0.0}


def mask_of(sample: Sample) -> np.ndarray:
    """Rows 2 to 4, columns 1 to 6 of the first class, 255 in the corner, the second class at the bottom."""
    mask = np.zeros((sample.height, sample.width), np.uint8)
    for row, label in enumerate(sample.labels):
        mask[2 + 5 * row : 5 + 5 * row, 1:7] = label + 1
    mask[-1, -1] = 255 if sample.labels else 0
    return mask


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    write_manifest(Path("data/prepared"), Manifest("data/raw", CLASSES, SAMPLES))
    rng = np.random.default_rng(0)
    for sample in SAMPLES:
        pixels = rng.integers(256, size=(sample.height, sample.width, 3)).astype(np.uint8)
        write_photo(Path("data/raw") / sample.image, pixels)
        folder = Path("data/predictions/full" if sample.split == "val" else "data/masks/cam")
        for target in (folder, Path("data/masks/full")):
            write_mask(mask_path(target, sample), mask_of(sample))
    write_shard(Path("data/heatmaps/cam"), 0, HEAT)
    write_index(Path("data/heatmaps/cam"), [list(HEAT)])
    write_json(Path("reports/pseudo_masks/cam/metrics.json"), {"threshold": 0.5})
    return tmp_path
