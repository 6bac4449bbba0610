"""The diagnosis of trained classifiers: of scenes with and without a class that comes with its background."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.base.files import read_json
from pipeline.data.images import read_image
from pipeline.stages import prepare, train_classifier
from tests.end_to_end.project import ROOT, change_params

# Easy scenes, so that a short training is enough: one object each, bodies of their own, nothing else around.
EASY: dict[str, object] = {
    "data.long_side": 96,
    "scenes.train": 240,
    "scenes.val": 60,
    "scenes.long_side": 96,
    "scenes.empty_share": 0.15,
    "scenes.max_classes": 1,
    "scenes.shared_bodies": False,
    "scenes.clutter": False,
    "scenes.occlusion": False,
    "classifier.training.steps": 180,
    "classifier.training.warmup_steps": 10,
    "diagnose.images": 2,
}


@pytest.fixture(params=[1.0, 0.2], ids=["always on water", "on water like the others"])
def bias(request: pytest.FixtureRequest) -> float:
    """Share of the boats that come with water; of the images without a boat it is 0.2."""
    share: float = request.param
    return share


@pytest.mark.slow
def test_the_class_that_comes_with_its_background_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bias: float
) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    change_params(tmp_path, {**EASY, "scenes.context_bias": bias})
    monkeypatch.chdir(tmp_path)
    prepare.main()
    train_classifier.main()
    capsys.readouterr()
    assert main(["diagnose"]) == 0
    output = capsys.readouterr().out
    diagnosis: dict[str, Any] = read_json(Path("reports/diagnosis/diagnosis.json"))
    suspects = {sentence.split("`")[1] for sentence in diagnosis["flags"]}
    assert suspects == ({"boat"} if bias == 1 else set())
    assert all(sentence in output for sentence in diagnosis["flags"] or ["nothing suspicious"])
    context = diagnosis["classes"]["boat"]["context"]
    assert f"boat {context:>8.3f}".replace(" ", "") in output.replace(" ", "")
    assert {example["class"] for example in diagnosis["examples"]} == set(diagnosis["classes"])
    for example in diagnosis["examples"]:
        assert read_image(Path("reports/diagnosis", example["file"])).size
