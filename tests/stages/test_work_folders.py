"""The unfinished work of a stage: where networks ran, the device and its precision are part of it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from pipeline import paths
from pipeline.base.files import write_json
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.engine.device import pick_device
from pipeline.stages import evaluate, make_heatmaps, self_train, train_classifier, train_segmentation
from pipeline.workflows import network_work_folder as network_work

SHIPPED = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prepared data set of one image, of which only the mask is there."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    sample = Sample("a", "a.png", "", 24, 32, (0,), "train", False, False)
    write_manifest(paths.PREPARED, Manifest("", ("cat",), (sample,)))
    paths.GROUND_TRUTH.mkdir(parents=True)
    (paths.GROUND_TRUTH / "a.png").touch()
    chosen = {"refine": "crf", "confidence_threshold": 0.3}
    write_json(paths.REPORTS / "pseudo_masks/cam/metrics.json", chosen)


@pytest.mark.parametrize(
    ("module", "arguments", "network"),
    [
        (train_classifier, (), "make_classifier"),
        (train_segmentation, ("full",), "new_net"),
        (make_heatmaps, (), None),
        (self_train, ("cam-round1",), None),
        (evaluate, ("cam",), None),
    ],
)
def test_unfinished_work_of_another_device_is_not_taken(
    module: ModuleType, arguments: tuple[str, ...], network: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints: list[dict[str, Any]] = []

    def stop(_stage: str, file: str, **parts: Any) -> None:
        assert file == module.__file__
        fingerprints.append(parts)
        raise InterruptedError

    if network:
        monkeypatch.setattr(module, network, lambda *_args, **_options: nn.Module())
    monkeypatch.setattr(network_work, "work_folder", stop)
    monkeypatch.setattr(network_work, "device_name", lambda _device: "toaster, float4")
    with pytest.raises(InterruptedError):
        module.main(*arguments)
    assert "toaster, float4" in fingerprints[0].values()
    # On a CPU, threads change last digits.
    assert fingerprints[0]["threads"] == (torch.get_num_threads() if pick_device().type == "cpu" else None)
