"""The stage `prepare`."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.manifest import read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.stages import prepare
from pipeline.stages.running import stage
from tests.data.folders import make_coco

SHIPPED = Path(__file__).parent.parent.parent / "params.yaml"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of few scenes as the current folder."""
    text = re.sub(r"train: 800", "train: 4", SHIPPED.read_text())
    (tmp_path / "params.yaml").write_text(re.sub(r"val: 200", "val: 2", text))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


def change(old: str, new: str) -> None:
    text = Path("params.yaml").read_text()
    assert old in text
    Path("params.yaml").write_text(text.replace(old, new, 1))


def hashes() -> dict[str, str]:
    files = sorted(path for path in Path("data").rglob("*") if path.is_file() and "images" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare.main()
    first = hashes()
    manifest = read_manifest(Path("data/prepared"))
    assert [s.name for s in manifest.samples] == [
        *(f"train-{i:05d}" for i in range(1, 5)),
        "val-00001",
        "val-00002",
    ]
    for sample in manifest.samples:
        assert manifest.image(sample).shape == (sample.height, sample.width, 3)
        mask = load_mask(Path("data/masks/full"), sample)
        assert mask.shape == (sample.height, sample.width)
        assert set(mask.flat) - {0, 255} == {label + 1 for label in sample.labels}
    assert Path("data/prepared/problems.txt").read_text() == ""
    monkeypatch.setenv("CAMSEG_WORKERS", "2")
    monkeypatch.setattr("pipeline.base.parallel.FEW", 0)
    prepare.main()
    assert hashes() == first


def test_folder(image_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = image_folder("data/photos", split=False)
    (folder / "masks" / "photo-03.png").unlink()
    change("source: scenes", "source: csv")
    change("path: data/raw", "path: data/photos")
    stale = Path("data/masks/full/stale.png")
    stale.parent.mkdir(parents=True)
    stale.touch()
    prepare.main()
    first = hashes()
    assert read_manifest(Path("data/prepared")).root == "data/photos"
    assert len(list(Path("data/masks/full").iterdir())) == 11
    assert not stale.exists()
    problems = Path("data/prepared/problems.txt").read_text()
    assert "expected a split val, got none" in problems
    assert f"warning: {problems}" in capsys.readouterr().err
    prepare.main()
    assert hashes() == first


def test_files_that_were_left_out_are_listed(image_folder: Callable[..., Path]) -> None:
    folder = image_folder("data/photos")
    (folder / "images" / "photo-01.jpg").write_bytes(b"no image")
    change("source: scenes", "source: csv")
    change("path: data/raw", "path: data/photos")
    change("on_bad_image: error", "on_bad_image: skip")
    prepare.main()
    names = [sample.name for sample in read_manifest(Path("data/prepared")).samples]
    assert names == [f"photo-{i:02d}" for i in range(12) if i != 1]
    assert (
        "photo-01.jpg (labels.csv, line 3): expected a readable image"
        in Path("data/prepared/problems.txt").read_text()
    )


def test_outlines_become_masks() -> None:
    make_coco(Path("data/photos"))
    change("source: scenes", "source: coco")
    change("path: data/raw", "path: data/photos")
    change("classes: null", "classes: [dog]")
    prepare.main()
    manifest = read_manifest(Path("data/prepared"))
    assert [(s.name, s.mask) for s in manifest.samples] == [
        ("images/both", True),
        ("images/dog", True),
        ("images/empty", True),
    ]
    mask = load_mask(Path("data/masks/full"), manifest.samples[0])
    assert mask[0].tolist() == [255, 255, 255, 255, 1, 1, 1, 1]  # the cat is left out


def test_broken_folder_stops_the_stage_with_all_errors(
    image_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = image_folder("data/photos")
    (folder / "images" / "photo-01.jpg").unlink()
    (folder / "images" / "photo-02.jpg").write_bytes(b"")
    change("source: scenes", "source: csv")
    change("path: data/raw", "path: data/photos")
    with pytest.raises(SystemExit) as ended, stage("prepare"):
        prepare.main()
    assert ended.value.code == 1
    output = capsys.readouterr().err
    assert "prepare: failed: data/photos: 2 error(s):" in output
    assert "photo-01.jpg" in output
    assert "photo-02.jpg" in output
    assert not Path("data/prepared/manifest.json").exists()
