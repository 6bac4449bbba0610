"""Each broken input ends its stage with a message that names the file or the key."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.stages import prepare, train_classifier
from pipeline.stages.running import run_stage
from tests.end_to_end.project import TINY, change_params
from tests.image_folder import CLASSES, make_image_folder, write_image_file, write_labels

SHIPPED = Path(__file__).parents[2] / "params.yaml"
RAW = Path("data/raw")
MAIN = {"prepare": prepare.main, "train_classifier": train_classifier.main}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose data/raw holds images, labels and masks as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    monkeypatch.setattr("sys.argv", ["stage"])
    Path("params.yaml").write_text(SHIPPED.read_text())
    change_params(Path(), {**TINY, "data.source": "csv", "data.classes": [*CLASSES]})
    make_image_folder(RAW)


@pytest.fixture
def require_failure(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Runs a stage; it has to end with 1 and to say all of the messages without a traceback."""

    def run(stage: str, *messages: str) -> None:
        with pytest.raises(SystemExit) as ended:
            run_stage(stage, MAIN[stage])
        assert ended.value.code == 1
        said = capsys.readouterr().err
        for part in (f"{stage}: failed: ", *messages):
            assert part in said
        assert "Traceback" not in said
        assert not Path(f"reports/seconds/{stage}.json").exists()

    return run


def change_labels(change: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
    """Rewrite each row of labels.csv."""
    with (RAW / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    write_labels(RAW, rows)


def test_images_are_fine_until_broken() -> None:
    run_stage("prepare", prepare.main)
    assert Path("reports/seconds/prepare.json").exists()


def test_a_mask_of_another_size_costs_the_mask_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write_image_file(RAW / "masks/photo-02.png", np.zeros((9, 7), np.uint8))
    run_stage("prepare", prepare.main)
    assert "photo-02 (drawn for 9 x 7 pixels" in capsys.readouterr().err
    assert not Path("data/masks/full/photo-02.png").exists()
    assert Path("data/masks/full/photo-01.png").exists()


def test_unknown_label(require_failure: Callable[..., None]) -> None:
    def misspell(row: dict[str, str]) -> dict[str, str]:
        return {**row, "labels": "dics"} if row["image"] == "photo-01.jpg" else row

    change_labels(misspell)
    require_failure("prepare", "labels.csv", "dics")


def test_mask_id_without_class(require_failure: Callable[..., None]) -> None:
    write_image_file(RAW / "masks/photo-00.png", np.full((48, 72), 61, np.uint8))
    require_failure("prepare", "data/raw/masks/photo-00.png", "61")


def test_all_problems_are_listed_at_once(require_failure: Callable[..., None]) -> None:
    (RAW / "images/photo-00.jpg").unlink()
    (RAW / "images/photo-07.jpg").write_bytes(b"")
    (RAW / "masks/photo-03.png").write_bytes(b"no image")
    require_failure("prepare", "2 error(s)", "photo-00.jpg", "photo-07.jpg", "photo-03")


def test_no_images(require_failure: Callable[..., None]) -> None:
    (RAW / "labels.csv").write_text("image,labels\n")
    for file in (RAW / "images").iterdir():
        file.unlink()
    require_failure("prepare", "data/raw")


def test_no_labels_file(require_failure: Callable[..., None]) -> None:
    (RAW / "labels.csv").unlink()
    require_failure("prepare", "labels.csv")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classifier.encodr", "tu-resnet10t"),
        ("classifier.training.warmup_step", 3),
        ("pseudo_masks.threshold", 1.5),
    ],
)
def test_impossible_params(key: str, value: object, require_failure: Callable[..., None]) -> None:
    change_params(Path(), {key: value})
    require_failure("prepare", "params.yaml", key)


def test_missing_weights(require_failure: Callable[..., None]) -> None:
    prepare.main()
    change_params(Path(), {"classifier.weights": "weights/absent.safetensors"})
    require_failure("train_classifier", "weights/absent.safetensors")


def test_stage_without_its_inputs(require_failure: Callable[..., None]) -> None:
    require_failure("train_classifier", "data/prepared: there is no data set yet")
