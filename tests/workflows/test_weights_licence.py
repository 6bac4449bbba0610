"""A segmentation model keeps the licence of the weights that its training started from."""

from pathlib import Path

import pytest

from pipeline.data.manifest import Manifest
from pipeline.params import load_params
from pipeline.segmentation.network import SegmentationConfig
from pipeline.workflows import segmentation_training_files
from pipeline.workflows.segmentation_training_files import new_net

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


@pytest.mark.parametrize(
    ("classifier", "segmentation", "licence"),
    [
        ("pretrained", "classifier", "bsd-3-clause"),
        ("none", "classifier", "no pretrained weights"),
        ("weights.pth", "classifier", "unknown"),
        ("none", "pretrained", "bsd-3-clause"),
        ("pretrained", "none", "no pretrained weights"),
        ("pretrained", "weights.safetensors", "unknown"),
    ],
)
def test_the_start_decides(
    monkeypatch: pytest.MonkeyPatch, classifier: str, segmentation: str, licence: str
) -> None:
    made: list[SegmentationConfig] = []
    monkeypatch.setattr(
        segmentation_training_files,
        "make_segmentation_net",
        lambda _section, config, *_, **__: made.append(config),
    )
    networks = {
        "classifier": PARAMS.classifier.model_copy(update={"encoder": "resnet18", "weights": classifier}),
        "segmentation": PARAMS.segmentation.model_copy(
            update={"encoder": "resnet18", "weights": segmentation}
        ),
    }
    new_net(PARAMS.model_copy(update=networks), Manifest("", ("a",), ()))
    assert [config.weights_licence for config in made] == [licence]
