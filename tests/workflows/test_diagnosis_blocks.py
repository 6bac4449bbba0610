"""The diagnosis block by block: an interrupted one goes on and finds the same."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine import mapping
from pipeline.heatmaps.diagnosed_model import make_diagnosed_model
from pipeline.heatmaps.layers import TargetLayer
from pipeline.workflows.diagnosis import detailed_labels, diagnose_images
from tests.heatmaps.test_diagnosed_model import BLUE, RED, ColourReader, red_disc_on_water


def sample(name: str, *labels: int, score: bool = True) -> Sample:
    return Sample(name, f"{name}.png", "", 48, 80, labels, "val", score, score)


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Five images, of which `b` has no mask and `c` no label."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mapping, "BLOCK", 2)
    samples = (
        sample("a", RED),
        sample("b", RED, BLUE, score=False),
        sample("c"),
        sample("d", BLUE),
        sample("e", RED),
    )
    for number, shown in enumerate(samples):
        image, mask = red_disc_on_water()
        write_image(Path(shown.image), np.roll(image, 8 * number, 1))
        write_mask(paths.GROUND_TRUTH / f"{shown.name}.png", np.roll(mask, 8 * number, 1))
    return Manifest("", ("red", "blue"), samples)


def test_the_first_images_of_each_class_are_diagnosed_in_detail(manifest: Manifest) -> None:
    assert detailed_labels(manifest.samples, 1) == {"a": [RED], "b": [BLUE], "c": [], "d": [], "e": []}
    assert detailed_labels(manifest.samples, 2) == {
        "a": [RED],
        "b": [RED, BLUE],
        "c": [],
        "d": [BLUE],
        "e": [],
    }


def test_an_interrupted_diagnosis_goes_on(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    net = ColourReader().eval()
    target = TargetLayer(net.pool, "input", pooled=net.fc, linear_head=True)
    model = make_diagnosed_model(net, net.fc, target, "cam", 80)
    whole = diagnose_images(model, manifest, manifest.samples, 1, Path("whole"))
    logits, backgrounds, diagnoses = whole
    assert logits.dtype == np.float32
    for row, shown in zip(logits, manifest.samples, strict=True):
        assert np.array_equal(row, model.logits(manifest.image(shown)).numpy())
    assert np.isnan(backgrounds).all(1).tolist() == [False, True, False, False, False]
    assert [(d.name, d.label) for d in diagnoses] == [("a", 0), ("b", 0), ("b", 1), ("d", 1), ("e", 0)]
    assert [not np.isnan(d.insertion) for d in diagnoses] == [True, False, True, False, False]
    read = Manifest.image

    def stop_at_d(of: Manifest, shown: Sample) -> np.ndarray:
        if shown.name == "d":
            raise OSError("the network drive is gone")
        return read(of, shown)

    monkeypatch.setattr(Manifest, "image", stop_at_d)
    with pytest.raises(OSError, match="network drive"):
        diagnose_images(model, manifest, manifest.samples, 1, Path("again"))
    monkeypatch.setattr(Manifest, "image", read)
    assert [file.name for file in Path("again").iterdir()] == ["block-00000.json"]
    again = diagnose_images(model, manifest, manifest.samples, 1, Path("again"))
    assert repr(again) == repr(whole)  # as text, since NaN differs from itself
    assert {f.name: f.read_bytes() for f in Path("again").iterdir()} == {
        f.name: f.read_bytes() for f in Path("whole").iterdir()
    }
