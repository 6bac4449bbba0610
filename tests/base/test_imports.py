"""Which code a result depends on: what its stage imports, and nothing else."""

import shutil
from pathlib import Path

import pytest

from pipeline.base import imports
from pipeline.base.imports import OF_NO_CONSEQUENCE, imported_files
from pipeline.base.work_folder import fingerprint
from tests.contracts.modules import MODULES, closure

STAGES = sorted(m for m in MODULES if m.startswith("pipeline/stages/") and "__init__" not in m)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package whose text may be changed."""
    root = tmp_path / "pipeline"
    shutil.copytree(imports.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(imports, "ROOT", root)
    return root


@pytest.mark.parametrize("stage", STAGES)
def test_the_files_are_those_of_the_stage_and_of_all_that_it_imports(stage: str) -> None:
    needed = {module.removeprefix("pipeline/") for module in closure(stage)} - OF_NO_CONSEQUENCE
    if "report/page.py" in needed:  # its templates, and those of what it imports
        parts = ("", "_cards", "_images", "_masks", "_classes", "_classifier")
        needed |= {f"report/page{part}.html" for part in parts}
        needed |= {"report/template.html", "report/run_record.html"}
    files = imported_files(imports.ROOT.parent / stage)
    assert set(files) == needed
    assert files == {name: (imports.ROOT / name).read_bytes() for name in needed}


def test_what_is_left_out_is_there() -> None:
    assert all((imports.ROOT / name).is_file() for name in OF_NO_CONSEQUENCE)


@pytest.mark.parametrize("name", ["commands/advice.py", "report/page.py", "masks/crf.py", "params/load.py"])
def test_a_typo_elsewhere_throws_no_training_away(copy: Path, name: str) -> None:
    assert not changes(copy, name)


@pytest.mark.parametrize(
    "name",
    [
        "stages/train_classifier.py",
        "classifier/network.py",  # imported by it
        "engine/batch_norm_folding.py",  # imported by that
        "data/images.py",
    ],
)
def test_a_change_in_what_is_imported_counts(copy: Path, name: str) -> None:
    assert changes(copy, name)


def changes(package: Path, name: str) -> bool:
    """Whether a word more in a file of the package makes another fingerprint of the training."""
    stage = str(package / "stages/train_classifier.py")
    before = fingerprint(stage, {})
    (package / name).write_text((package / name).read_text() + "# more\n")
    return fingerprint(stage, {}) != before
