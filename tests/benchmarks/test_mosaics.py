"""Mosaics and their tiles: the same pixels, each with its labels, from images of one split."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mosaic_scores import heat_ious, mask_iou
from benchmarks.mosaics import Piece, draw_pieces, read_pieces, write_mosaics
from pipeline import paths
from pipeline.base.files import read_csv, write_csv
from pipeline.commands.photo_tiles import join_masks
from pipeline.data.images import mask_png, read_image, read_mask, write_image, write_mask
from pipeline.data.manifest import Sample
from pipeline.data.mask_store import write_masks
from pipeline.heatmaps.store import write_index, write_shard

COUNTS = {"train": 6, "val": 3}


@pytest.fixture
def pieces(tmp_path: Path) -> list[Piece]:
    """Images of 8 x 12 pixels, of one grey level each; of six, two of each split have labels."""
    rows = []
    for number in range(12):
        labels, split = (["a"], ["a", "b"], [], [])[number % 4], "train" if number < 8 else "val"
        write_image(tmp_path / f"set/images/{number}.png", np.full((8, 12, 3), 20 * number + 10, np.uint8))
        mask = np.zeros((8, 12), np.uint8)
        mask[: len(labels), :3] = 1 + number % 4
        write_mask(tmp_path / f"set/masks/{number}.png", mask)
        rows.append({"image": f"{number}.png", "labels": ";".join(labels), "split": split})
    write_csv(tmp_path / "set/labels.csv", ("image", "labels", "split"), rows)
    return read_pieces(tmp_path / "set")


@pytest.mark.parametrize("grid", [2, 3, 5])
@pytest.mark.parametrize("positive", [True, False])
def test_one_or_two_images_have_labels_or_none(pieces: list[Piece], grid: int, positive: bool) -> None:
    seen = Counter[int]()
    for seed in range(30):
        drawn = draw_pieces(pieces, grid, positive=positive, rng=np.random.default_rng(seed))
        assert len(drawn) == grid**2
        seen[sum(bool(piece.labels) for piece in drawn)] += 1
    assert set(seen) == ({1, 2} if positive else {0})


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_tiles_are_the_mosaics_cut(pieces: list[Piece], tmp_path: Path, seed: int) -> None:
    write_mosaics(pieces, tmp_path, 2, COUNTS, seed)
    mosaics, tiles = (read_csv(tmp_path / name / "labels.csv") for name in ("mosaics", "tiles"))
    assert Counter(row["split"] for row in mosaics) == COUNTS
    assert len(tiles) == 4 * len(mosaics)
    for mosaic in mosaics:
        name = Path(mosaic["image"]).stem
        own = [row for row in tiles if row["group"] == name]
        assert {row["split"] for row in own} == {mosaic["split"]}
        assert mosaic["labels"] == ";".join(sorted({x for r in own for x in r["labels"].split(";") if x}))
        image = read_image(tmp_path / "mosaics/images" / mosaic["image"])
        assert image.shape == (16, 24, 3)
        for row in own:
            top, left = (int(part[1:]) for part in Path(row["image"]).stem.split("_")[1:])
            tile = read_image(tmp_path / "tiles/images" / row["image"])
            assert np.array_equal(image[top : top + 8, left : left + 12], tile)
    assert sum(bool(mosaic["labels"]) for mosaic in mosaics) == len(mosaics) // 2
    join_masks(tmp_path / "tiles/masks", tmp_path / "joined")
    for mosaic in mosaics:
        joined = read_mask(tmp_path / "joined" / mosaic["image"])
        assert np.array_equal(joined, read_mask(tmp_path / "mosaics/masks" / mosaic["image"]))


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_shows_its_own_images_alone(pieces: list[Piece], tmp_path: Path, split: str) -> None:
    write_mosaics(pieces, tmp_path, 3, COUNTS, 0)
    levels = {read_image(piece.image)[0, 0, 0] for piece in pieces if piece.split == split}
    for file in (tmp_path / "mosaics/images").glob(f"{split}-*.png"):
        assert set(np.unique(read_image(file))) <= levels


@pytest.mark.parametrize(("heat", "best"), [(255, 1.0), (120, 1.0), (0, 0.0)])
def test_objects_are_scored_without_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heat: int, best: float
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = np.zeros((8, 8), np.uint8)
    truth[:4] = 1
    sample = Sample("x", "x.png", "", 8, 8, (0,), "train", True, True)
    write_masks(paths.GROUND_TRUTH, {"x": mask_png(truth)})
    write_masks(paths.MASKS / "cam", {"x": mask_png(np.ascontiguousarray(truth.T))})
    stored = np.where(truth, heat, 0).astype(np.uint8)[None]
    write_shard(paths.HEATMAPS / "cam", 0, {"x": stored})
    write_index(paths.HEATMAPS / "cam", [["x"]])
    assert max(heat_ious([sample], 1)) == best
    assert mask_iou([sample], 1) == 16 / 48
