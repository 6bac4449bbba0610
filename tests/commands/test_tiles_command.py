"""`camseg tiles`: what is cut covers the image, what is joined is the mask, and names cannot do harm."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.__main__ import main
from pipeline.base.files import read_csv
from pipeline.commands.photo_tiles import joined, tile_starts
from pipeline.data.images import IGNORE, read_image, read_mask, write_image, write_mask
from pipeline.errors import UserError


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


@given(side=st.integers(1, 2000), size=st.integers(32, 500))
def test_tiles_are_few_and_cover_the_side(side: int, size: int) -> None:
    starts = tile_starts(side, size)
    covered = np.zeros(side, bool)
    for start in starts:
        covered[start : start + size] = True
    assert covered.all()
    assert len(starts) == -(-side // size)
    assert max(starts) == max(0, side - size)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(100, 150, 64), (64, 64, 64), (40, 200, 64), (33, 35, 32)]
)
def test_cut_and_joined_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], height: int, width: int, size: int
) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (height, width, 3), np.uint8)
    ids = rng.integers(0, 4, (height, width), np.uint8)
    write_image(tmp_path / "photos/sub/a.png", photo)
    assert (
        main(["tiles", "make", str(tmp_path / "photos"), "--size", str(size), "--out", str(tmp_path / "out")])
        == 0
    )
    rows = read_csv(tmp_path / "out/labels.csv")
    assert {(row["labels"], row["group"]) for row in rows} == {("", "sub/a")}
    for row in rows:
        stem = row["image"].removesuffix(".png")
        top, left = (int(part[1:]) for part in stem.split("_")[-2:])
        tile = read_image(tmp_path / "out/images" / row["image"])
        np.testing.assert_array_equal(tile, photo[top : top + size, left : left + size])
        write_mask(tmp_path / f"masks/{stem}.png", ids[top : top + size, left : left + size])
    write_mask(tmp_path / "masks/other.png", ids)
    assert main(["tiles", "join", str(tmp_path / "masks"), "--out", str(tmp_path / "joined")]) == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "joined/sub/a.png"), ids)
    assert "passed over: 1 file(s)" in capsys.readouterr().err


def test_nearer_middles_win_and_what_no_tile_shows_is_open() -> None:
    first, second = np.full((10, 10), 1, np.uint8), np.full((10, 10), 2, np.uint8)
    mask = joined([(0, 0, first), (0, 6, second), (20, 0, first)])
    assert mask.shape == (30, 16)
    np.testing.assert_array_equal(mask[5], [1] * 8 + [2] * 8)
    assert (mask[10:20] == IGNORE).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["make", "empty", "--out", "out"], "expected images, got none"),
        (["make", "photos", "--size", "8", "--out", "out"], "--size: expected at least 32 pixels, got 8"),
        (["make", "photos", "--out", "photos"], "expected a new or an empty folder"),
        (["join", "photos", "--out", "out"], "expected masks with names as IMAGE_y0_x256.png, got none"),
        (
            ["join", "far", "--out", "out"],
            "far: expected tiles beside each other, got places up to y9000040 x40",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    write_image(Path("photos/a.png"), np.zeros((40, 40, 3), np.uint8))
    write_mask(Path("far/far_y0_x0.png"), np.zeros((40, 40), np.uint8))
    write_mask(Path("far/far_y9000000_x0.png"), np.zeros((40, 40), np.uint8))
    assert main(["tiles", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "secret.png", np.zeros((40, 40, 3), np.uint8))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").symlink_to(tmp_path / "secret.png")
    assert main(["tiles", "make", str(tmp_path / "photos"), "--out", str(tmp_path / "out")]) == 2
    assert "a link to elsewhere" in capsys.readouterr().err


def test_far_places_ask_for_no_memory() -> None:
    with pytest.raises(UserError, match="beside each other"):
        joined([(10**9, 10**9, np.zeros((4, 4), np.uint8))])
