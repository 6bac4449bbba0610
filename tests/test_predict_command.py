"""`camseg predict` with an untrained model of the pipeline."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.__main__ import main
from pipeline.commands.predict_photos import name_photos, shares, write_areas
from pipeline.data.pictures import read_image, read_mask
from pipeline.params import load_params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.network import (
    SegmentationConfig,
    load_segmentation_net,
    make_segmentation_net,
    save_segmentation_net,
)
from pipeline.stages.prediction import predict
from tests.photos import write_photo

SHIPPED = Path(__file__).parent.parent / "params.yaml"
CONFIG = SegmentationConfig(("disc", "square"), 64)
MODEL = Path("models/segmentation/cam")
PHOTO = np.random.default_rng(0).integers(256, size=(48, 80, 3)).astype(np.uint8)


def save_model(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    params = load_params().segmentation.model_copy(update={"weights": "none"})
    save_segmentation_net(folder, make_segmentation_net(params, CONFIG, Path(), pretrained=False))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with an untrained model of the default supervision and a folder of photos."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    save_model(MODEL, 0)
    write_photo(Path("photos/a.png"), PHOTO)
    write_photo(Path("photos/sub/a.JPG"), PHOTO[:30])
    Path("photos/notes.txt").write_text("no photo")


def expected_mask(photo: str, model: Path = MODEL) -> np.ndarray:
    params = load_params()
    net = load_segmentation_net(model)
    return predict(net, read_image(Path(photo)), params.evaluation, params.pseudo_masks.crf)


def test_masks_areas_and_overlays(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "photos", "--overlay", "--out", "out"]) == 0
    assert "2 photo(s) predicted in out, 0 skipped" in capsys.readouterr().out
    rows = ["photo,background,disc,square"]
    for name, photo, size in (("a", "photos/a.png", (48, 80)), ("sub/a", "photos/sub/a.JPG", (30, 80))):
        mask = expected_mask(photo)
        with Image.open(f"out/masks/{name}.png") as file:
            assert file.mode == "P"
        assert mask.shape == size
        assert np.array_equal(read_mask(Path(f"out/masks/{name}.png")), mask)
        overlay = read_image(Path(f"out/overlays/{name}.png"))
        assert np.array_equal(overlay, draw_mask(read_image(Path(photo)), mask))
        rows.append(",".join([name, *(f"{(mask == label).mean():.6f}" for label in range(3))]))
    assert Path("out/areas.csv").read_text().splitlines() == rows
    assert len([path for path in Path("out").rglob("*") if path.is_file()]) == 5


def test_no_overlays_unless_asked_for_and_another_model() -> None:
    save_model(Path("elsewhere"), 1)
    assert main(["predict", "photos/a.png", "--model", "elsewhere", "--out", "out"]) == 0
    mask = read_mask(Path("out/masks/a.png"))
    assert np.array_equal(mask, expected_mask("photos/a.png", Path("elsewhere")))
    assert not np.array_equal(mask, expected_mask("photos/a.png"))
    assert not Path("out/overlays").exists()


def test_test_time_settings_are_those_of_evaluation() -> None:
    text = SHIPPED.read_text()
    changed = text.replace("  flip: true\n  refine: none", "  flip: false\n  refine: none")
    assert changed != text
    before = expected_mask("photos/a.png")
    Path("params.yaml").write_text(changed)
    assert main(["predict", "photos/a.png", "--out", "out"]) == 0
    mask = read_mask(Path("out/masks/a.png"))
    assert np.array_equal(mask, expected_mask("photos/a.png"))
    assert not np.array_equal(mask, before)


def test_broken_photos_are_named_and_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/broken.jpg").write_bytes(b"no picture")
    assert main(["predict", "photos", "missing.png", "--out", "out"]) == 1
    said = capsys.readouterr()
    assert "skipped: photos/broken.jpg" in said.err
    assert "skipped: missing.png: no such file" in said.err
    assert "2 photo(s) predicted in out, 2 skipped" in said.out
    masks = [path.relative_to("out/masks").as_posix() for path in Path("out/masks").rglob("*.png")]
    assert sorted(masks) == ["a.png", "sub/a.png"]
    assert len(Path("out/areas.csv").read_text().splitlines()) == 3


def test_two_photos_of_one_name_stop_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    write_photo(Path("photos/a.jpg"), PHOTO)
    assert main(["predict", "photos", "--out", "out"]) == 1
    assert "  a: photos/a.jpg, photos/a.png\n" in capsys.readouterr().err
    assert main(["predict", "photos/a.png", "photos/sub/a.JPG", "--out", "out"]) == 1
    assert "  a: photos/a.png, photos/sub/a.JPG\n" in capsys.readouterr().err
    assert not Path("out").exists()


def test_masks_of_an_earlier_run_are_no_photos() -> None:
    for _ in range(2):
        assert main(["predict", "photos", "--overlay", "--out", "photos/out"]) == 0
        assert len(list(Path("photos/out/masks").rglob("*.png"))) == 2


def test_names_keep_dots_and_sub_folders() -> None:
    write_photo(Path("photos/sub/b.v2.png"), PHOTO)
    found = name_photos([Path("photos")], Path("out"))
    assert found == {
        "a": Path("photos/a.png"),
        "sub/a": Path("photos/sub/a.JPG"),
        "sub/b.v2": Path("photos/sub/b.v2.png"),
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["photos", "--model", "models/none"],
            "models/none: expected a segmentation model, got no camseg.json",
        ),
        (["empty"], "empty: expected photos (.jpg, "),
    ],
)
def test_wrong_requests_say_what_to_do(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert main(["predict", *options, "--out", "out"]) == 1
    assert said in capsys.readouterr().err
    assert not Path("out").exists()


def test_default_model_is_the_first_weak_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = SHIPPED.read_text().replace("supervision: [cam, full]", "supervision: [full, gradcampp]")
    Path("params.yaml").write_text(text)
    assert main(["predict", "photos", "--out", "out"]) == 1
    assert "models/segmentation/gradcampp: expected a segmentation model" in capsys.readouterr().err


def test_a_skipped_model_is_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    Path("models/segmentation/full").mkdir()
    Path("models/segmentation/full/skipped.txt").touch()
    assert main(["predict", "photos", "--model", "models/segmentation/full", "--out", "out"]) == 1
    assert "it was skipped, since there are no masks" in capsys.readouterr().err


def test_shares_of_a_mask() -> None:
    mask = np.array([[0, 0, 2], [2, 2, 1]], np.uint8)
    assert shares(mask, 4) == [2 / 6, 1 / 6, 3 / 6, 0]


def test_areas_of_classes_with_taken_names(tmp_path: Path) -> None:
    write_areas(tmp_path / "areas.csv", ["photo", "background"], {"x, y": [0.5, 0.25, 0.25]})
    assert (tmp_path / "areas.csv").read_text() == (
        'photo,background,photo,background\n"x, y",0.500000,0.250000,0.250000\n'
    )
