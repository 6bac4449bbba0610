"""What `camseg check` and `use` say they understood, and the file of colours that `check` starts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.commands.samples import choose_samples
from pipeline.data.images import read_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.sources.mask_colours import COLOURS
from tests.data.test_mask_encoding import ONE, SINGLE, TWO, Save, coloured, grey, make_set
from tests.image_folder import write_image_file

SHIPPED = Path(__file__).parents[2] / "params.yaml"
LAND = ((60, 16, 152), (132, 41, 246), (110, 193, 228))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the shipped params as the current folder."""
    shutil.copy(SHIPPED, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    return tmp_path


@pytest.mark.parametrize(
    ("save", "text"),
    [
        (grey(0, 255), "read as binary: 0 is background, 255 is crack"),
        (grey(0, 1), "read as ids: 0 is background, 1 is crack"),
        (coloured((0, 0, 0), (200, 0, 0)), "read as colours: 0,0,0 is background, 200,0,0 is crack"),
    ],
)
def test_the_encoding_is_said(
    save: Save, text: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_set(Path("photos"), ONE, ["crack"], save)
    assert main(["check", "photos"]) == 0
    output = capsys.readouterr().out
    summary = output[output.index("what camseg understood") :]
    assert f"masks: 8 of 8 images, {text}" in summary
    assert "images: 8 (6 train, 2 val)" in summary
    assert "images of each class: crack 6; 2 without a label" in summary
    share = 6 * 22 * 13 / (8 * 40 * 60)
    assert f"crack 1716 {share:.2%}" in " ".join(summary.split())
    assert "groups: none" in summary


def test_options_say_how_masks_are_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_set(Path("photos"), ONE, ["crack"], grey(0, 1))
    assert main(["check", "photos", "--masks", "instances", "--group-by", "^a(.)"]) == 0
    output = capsys.readouterr().out
    assert "read as numbers of objects: 0 is background, all above 0 is crack" in output
    assert "groups: 8" in output


@pytest.mark.parametrize(
    ("save", "labels", "shown"),
    [
        (coloured(*LAND), True, "60,16,152"),
        (coloured(*LAND), False, "60,16,152"),
        (grey(0, 100, 250), True, "0,0,0"),
    ],
)
def test_colours_are_started_and_named(
    save: Save, labels: bool, shown: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("photos")
    make_set(folder, TWO, ["land", "road"], save)
    if not labels:  # then the masks are all there is
        (folder / "labels.csv").unlink()
        (folder / "classes.txt").unlink()
    elif shown == "0,0,0":  # three levels for four classes
        (folder / "classes.txt").write_text("land\nroad\nsea\n")
    assert main(["check", "photos", "--write-colours"]) == 1
    assert "colours.txt: written" in capsys.readouterr().out
    text = (folder / COLOURS).read_text()
    assert f"?1:{shown}\n" in text
    assert main(["check", "photos"]) == 1
    assert "expected the name of a colour, got '?1'" in capsys.readouterr().out
    lines = {line.split(":")[1]: line for line in text.splitlines() if line.startswith("?")}
    names = dict(zip(sorted(lines), _names_of(sorted(lines), save), strict=True))
    for colour, line in lines.items():
        text = text.replace(line, f"{names[colour]}:{colour}")
    (folder / COLOURS).write_text(text)
    assert main(["check", "photos"]) == 0
    output = capsys.readouterr().out
    assert "land" in output[output.index("pixels in the masks") :]
    assert main(["check", "photos", "--write-colours"]) == 2


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_colours_are_started_with_the_names_of_a_table(
    known: int, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("photos")
    make_set(folder, TWO, ["land", "road"], coloured(*LAND))
    table = [f"name {i}x,{','.join(map(str, colour))}\n" for i, colour in enumerate(LAND)]
    (folder / "class_dict.csv").write_text("name,r,g,b\n" + "".join(table[:known]))
    assert main(["check", "photos", "--write-colours"]) == 1
    lines = [line for line in (folder / COLOURS).read_text().splitlines() if not line.startswith("#")]
    assert sum(line.startswith("name ") for line in lines) == known
    assert sum(line.startswith("?") for line in lines) == len(LAND) - known
    said = "Are its names the classes?" if known == len(LAND) else "Replace ?1, ?2, ... by names"
    assert said in capsys.readouterr().out


def _names_of(colours: list[str], save: Save) -> list[str]:
    mask = np.array([[0, 1, 2]], np.uint8)
    save(Path("three.png"), mask)
    pixels = np.asarray(Image.open("three.png").convert("RGB"))[0]
    meaning = {
        ",".join(map(str, colour)): name
        for colour, name in zip(pixels.tolist(), ("background", "land", "road"), strict=True)
    }
    return [meaning[colour] for colour in colours]


def test_masks_that_show_no_labelled_class(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_set(Path("photos"), TWO, ["cat", "dog"], grey(0, 1, 2))
    for file in Path("photos/masks").iterdir():
        write_image_file(file, np.zeros((40, 60), np.uint8))
    assert main(["check", "photos"]) == 1
    error = "expected a class in at least one mask, got none of 'cat' (5 images), 'dog' (5 images)"
    assert error in capsys.readouterr().out


def test_a_class_that_no_mask_shows_is_the_first_warning(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_set(Path("photos"), TWO, ["cat", "dog"], grey(0, 1, 0))
    assert main(["check", "photos"]) == 0
    assert "expected each class in a mask of the images with its label, got no pixel of 'dog' (5 images)" in (
        capsys.readouterr().out
    )


def test_labels_that_masks_do_not_bear_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = make_set(Path("photos"), TWO, ["cat", "dog"], grey(0, 1, 2))
    for name in ("a0", "a3", "a7", "a1"):
        write_image_file(Path("photos/masks", f"{name}.png"), np.where(masks[name] == 1, 0, masks[name]))
    assert main(["check", "photos"]) == 0
    output = capsys.readouterr().out
    assert "expected masks with all labels of their images, got 4 without one of them: a0 (cat)" in output


def test_samples_of_each_class_come_first(project: Path) -> None:
    samples = [
        Sample(f"a{i}", f"a{i}.png", "", 8, 8, (int(i == 31),), "train", i % 2 == 1, False) for i in range(40)
    ]
    manifest = Manifest("", ("cat", "dog"), tuple(samples))
    chosen = choose_samples(manifest, 3)
    assert len(chosen) == 6
    assert {sample.labels for sample in chosen[:2]} == {(0,), (1,)}
    assert all(sample.mask for sample in chosen)
    assert chosen == choose_samples(manifest, 3) != choose_samples(manifest, 4)


@pytest.mark.parametrize("masks", [True, False])
def test_the_picture_shows_samples(masks: bool, project: Path) -> None:
    make_set(Path("photos"), TWO, ["cat", "dog"], grey(0, 128, 255))
    if not masks:
        shutil.rmtree("photos/masks")
    assert main(["check", "photos", "--picture", "out.png"]) == 0
    pixels = read_image(Path("out.png"))
    assert len(pixels) > 700
    red = (pixels[:-60] == (128, 0, 0)).all(axis=2).sum()  # outlines of the first class, above the key
    assert (red > 100) == masks


def test_open_pixels_may_be_what_a_label_means(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = make_set(Path("photos"), TWO, ["cat", "dog"], grey(0, 1, 2))
    for name in ("a0", "a3", "a7", "a1"):
        write_image_file(Path("photos/masks", f"{name}.png"), np.where(masks[name] == 1, 255, masks[name]))
    assert main(["check", "photos"]) == 0
    assert "without one of them" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("labels", "advised"),
    [(SINGLE, True), ([[1], [2], [2], [1], [2], [2]], True), (TWO, False)],
)
def test_a_class_whose_masks_are_empty_may_mean_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], labels: list[list[int]], advised: bool
) -> None:
    make_set(Path("photos"), labels, ["cat", "plain"], grey(0, 1, 0))
    assert main(["check", "photos"]) == 0
    hint = "If 'plain' means that nothing is to be found: --rename NAME=background."
    assert (hint in capsys.readouterr().out) == advised
