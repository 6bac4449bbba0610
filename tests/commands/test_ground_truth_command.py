"""`camseg ground-truth` on a small project without masks of its own."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.data.images import read_mask, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, read_manifest, write_manifest
from pipeline.data.problem_lists import DataError
from pipeline.params import load_params
from pipeline.workflows.added_ground_truth import drawn_order, score_added

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("cat", "dog")
KEPT = Path("data/ground_truth")
SIZE = (12, 16)
VAL = [f"val/{i:02d}" for i in range(10)]
TRAIN = [f"train/{i:02d}" for i in range(10)]


def labels_of(name: str) -> tuple[int, ...]:
    number = int(name[-2:])
    return () if number == 0 else (number % 2,)


def truth(name: str) -> np.ndarray:
    """A block of 4 x 8 pixels of the label of an image."""
    mask = np.zeros(SIZE, np.uint8)
    for label in labels_of(name):
        mask[2:6, 4:12] = label + 1
    return mask


def made(name: str) -> np.ndarray:
    """As camseg has it: the block is two columns too narrow for cats, and a row too high for dogs."""
    mask = truth(name)
    mask[:, 10:][mask[:, 10:] == 1] = 0
    mask[6][mask[5] == 2] = 2
    return mask


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without any ground truth as the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SHIPPED, "params.yaml")
    samples = []
    for name in (*TRAIN, *VAL, "test/01"):
        split = name.partition("/")[0]
        write_image(Path(f"images/{name}.png"), np.full((*SIZE, 3), 90, np.uint8))
        samples.append(Sample(name, f"{name}.png", "", *SIZE, labels_of(name), split, False, False))
        folder = {"train": "masks", "val": "predictions"}.get(split)
        if folder:
            write_mask(Path(f"data/{folder}/cam/{name}.png"), made(name))
    write_manifest(Path("data/prepared"), Manifest("images", CLASSES, tuple(samples)))
    KEPT.mkdir(parents=True)
    (KEPT / "README.md").touch()


def draw(*names: str, out: str = "drawn") -> str:
    for name in names:
        write_mask(Path(f"{out}/masks/{name}.png"), truth(name))
    Path(f"{out}/classes.txt").write_text("cat\ndog\n")
    return out


def stored() -> list[str]:
    return sorted(f.relative_to(KEPT).with_suffix("").as_posix() for f in KEPT.rglob("*.png"))


def test_masks_of_val_score_the_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ground-truth", "add", draw(*VAL)]) == 0
    assert stored() == sorted(VAL)
    told = capsys.readouterr().out
    assert "10 mask(s) added, 0 replaced: 10 in data/ground_truth" in told
    assert "ground truth of 10 val image(s), against data/predictions/cam:" in told
    assert "30 more images would halve the error, 0 val images have no mask yet" in told
    assert re.search(r"area of cat: -25 % ± 0 %\n", told)
    assert re.search(r"area of dog: \+25 % ± 0 %\n", told)
    scores = score_added(read_manifest(Path("data/prepared")), load_params())["val"]
    assert scores["iou_per_class"] == pytest.approx(
        {"background": 1776 / 1840, "cat": 0.75, "dog": 0.8}, abs=0.01
    )
    assert scores["miou"] == pytest.approx(np.mean(list(scores["iou_per_class"].values())), abs=1e-6)
    assert 0 < scores["miou_standard_error"] < 0.05


@pytest.mark.parametrize("count", [1, 4, 7])
def test_few_masks_have_no_error(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ground-truth", "add", draw(*VAL[1 : count + 1])]) == 0
    told = capsys.readouterr().out
    assert f"ground truth of {count} val image(s)" in told
    assert f"too few images for its error; {10 - count} val images have no mask yet" in told


def test_each_split_has_its_own_score_and_others_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ground-truth", "add", draw(*TRAIN[:9], *VAL[:3], "test/01")]) == 0
    told, warned = capsys.readouterr()
    assert "ground truth of 9 train image(s), against data/masks/cam:" in told
    assert "ground truth of 3 val image(s), against data/predictions/cam:" in told
    assert "not scored, since camseg has no mask of them: test/01" in warned


@pytest.mark.parametrize("name", [TRAIN[1], TRAIN[2], TRAIN[5]])
def test_an_image_whose_corrected_mask_trains_does_not_score(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_mask(Path(f"data/masks/corrected/{name}.png"), truth(name))
    assert main(["ground-truth", "add", draw(*TRAIN[:9])]) == 0
    captured = capsys.readouterr()
    assert f"not scored, since their corrected masks train: {name}" in captured.err
    assert "ground truth of 8 train image(s)" in captured.out


def test_open_pixels_are_not_found() -> None:
    for name in TRAIN:
        mask = truth(name)
        mask[2:4][mask[2:4] > 0] = 255
        write_mask(Path(f"data/masks/cam/{name}.png"), mask)
    assert main(["ground-truth", "add", draw(*TRAIN)]) == 0
    scores = score_added(read_manifest(Path("data/prepared")), load_params())["train"]
    assert scores["iou_per_class"] == {"background": 1.0, "cat": 0.5, "dog": 0.5}
    assert scores["area_error"] == {"background": 0.0, "cat": -0.5, "dog": -0.5}


@pytest.mark.parametrize(
    ("mask", "left_out"), [(made, True), (lambda name: np.zeros(SIZE, np.uint8), True), (truth, False)]
)
def test_masks_that_nobody_drew_are_left_out_and_named(
    mask, left_out: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(*VAL[:3])
    write_mask(Path("drawn/masks/val/02.png"), mask("val/02"))
    assert main(["ground-truth", "add", "drawn"]) == 0
    assert ("val/02" in stored()) != left_out
    assert ("(--all takes them): val/02" in capsys.readouterr().out) == left_out
    assert main(["ground-truth", "add", "drawn", "--all"]) == 0
    assert stored() == VAL[:3]


def test_classes_beside_the_labels_are_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    draw(*VAL[:3])
    write_mask(Path("drawn/masks/val/01.png"), np.full(SIZE, 1, np.uint8))  # the label says dog
    assert main(["ground-truth", "add", "drawn"]) == 0
    assert "warning: drawn/masks/val/01.png: expected the image-level labels of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "mask", "message"),
    [
        ("val/99", np.zeros(SIZE, np.uint8), "expected an image for 'val/99', got none of that name"),
        ("val/01", np.zeros((4, 4), np.uint8), "expected the 12 x 16 pixels"),
        ("val/01", np.full(SIZE, 9, np.uint8), "expected the classes cat, dog, got id 9"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    name: str, mask: np.ndarray, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(*VAL[:3])
    write_mask(Path(f"drawn/masks/{name}.png"), mask)
    assert main(["ground-truth", "add", "drawn"]) == 2
    assert message in capsys.readouterr().err
    assert stored() == []


def test_masks_that_no_longer_fit_stop_the_score() -> None:
    assert main(["ground-truth", "add", draw(*VAL)]) == 0
    write_mask(KEPT / "val/03.png", np.zeros((5, 5), np.uint8))
    with pytest.raises(
        DataError, match=r"val/03.png: expected the 12 x 16 pixels(.|\n)*ground-truth remove NAME"
    ):
        score_added(read_manifest(Path("data/prepared")), load_params())
    assert main(["ground-truth", "remove", "val/03"]) == 0
    assert score_added(read_manifest(Path("data/prepared")), load_params())["val"]["images"] == 9


def suggested(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert main(["ground-truth", "suggest", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_suggestions_are_a_random_order_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    everything = suggested(capsys, "10")
    assert sorted(everything) == VAL
    assert everything != VAL
    assert suggested(capsys, "4") == everything[:4]
    assert main(["ground-truth", "add", draw(*everything[:4])]) == 0
    assert suggested(capsys, "3") == everything[4:7]
    assert set(suggested(capsys, "5", "--split", "train")) < set(TRAIN)


def test_seeds_and_splits_draw_every_image_alike() -> None:
    samples = read_manifest(Path("data/prepared")).split("val")
    first = [drawn_order(samples, seed)[0].name for seed in range(400)]
    assert min(first.count(name) for name in VAL) > 20
    assert max(first.count(name) for name in VAL) < 70


@pytest.mark.parametrize("format", ["labelstudio", "cvat", "coco", "voc"])
def test_suggestions_go_to_the_tool_without_masks_and_come_back(
    format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ground-truth", "suggest", "10", "--format", format, "--out", "out"]) == 0
    assert "10 image(s) of val written to out, without masks" in capsys.readouterr().out
    assert main(["ground-truth", "add", "out"]) == 0
    assert stored() == ["val/00"], "nobody drew in the others; this one has no label"
    (left_out,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("left out"))
    assert all(name in left_out for name in VAL[1:])


def test_nothing_to_suggest_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ground-truth", "suggest", "5", "--split", "test"]) == 0
    assert "only 1 images of test have no mask that scores" in capsys.readouterr().err
    assert main(["ground-truth", "suggest", "0"]) == 2
    assert "expected images of val without a mask that scores, got none" in capsys.readouterr().err


def test_stored_masks_keep_their_size_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ground-truth", "add", draw("val/01")]) == 0
    np.testing.assert_array_equal(read_mask(KEPT / "val/01.png"), truth("val/01"))
    capsys.readouterr()
    assert main(["ground-truth", "list"]) == 0
    captured = capsys.readouterr()
    assert captured.out.split() == ["val/01"]
    assert "1 mask(s) in data/ground_truth" in captured.err
