"""What `check` says of the size of objects."""

import pytest

from pipeline.commands.object_share import say_shares
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import Params, load_params
from tests.contracts.modules import ROOT


def params(long_side: int = 160, tiles: int = 1, pooling: float | str = "mean") -> Params:
    shipped = load_params(ROOT / "params.yaml")
    data = shipped.data.model_copy(update={"long_side": long_side, "tiles": tiles})
    classifier = shipped.classifier.model_copy(update={"pooling": pooling})
    return shipped.model_copy(update={"data": data, "classifier": classifier})


def manifest(*, mask: bool, side: int = 320) -> Manifest:
    samples = [Sample(f"{i}", "", "", side, side, (0,) * (i < 2), "train", mask, mask) for i in range(4)]
    return Manifest("", ("crack",), tuple(samples))


@pytest.mark.parametrize(
    ("pixels", "share", "cells"),
    [(2048, "1.00%", "0.2"), (20480, "10.00%", "2.5"), (204800, "100.00%", "25.0")],
)
def test_masks_tell_the_share_and_the_cells(pixels: int, share: str, cells: str) -> None:
    # Two images of 320 x 320 show the class: 204,800 pixels. At 160 pixels they have 5 x 5 cells each.
    first, *_ = say_shares(manifest(mask=True), {"crack": pixels}, params(), 32)
    assert (
        first
        == f"share of the images that show a class, and cells at 160 pixels: crack {share} ({cells} cells)"
    )


@pytest.mark.parametrize(
    ("share", "side", "tiles"),
    [(0.01, 1600, 2), (0.0025, 1600, 4), (0.0004, 6400, 10), (0.0025, 320, 2)],
)
def test_objects_of_less_than_a_cell_ask_for_tiles(share: float, side: int, tiles: int) -> None:
    """At 160 pixels an image has 25 cells, of which the object fills a share; images limit the tiles."""
    pixels = {"crack": round(share * 2 * side**2)}
    _, advice = say_shares(manifest(mask=True, side=side), pixels, params(), 32)
    assert advice.startswith("less than a cell, so the classifier hardly sees it: crack. data.tiles: ")
    assert f"data.tiles: {tiles} with classifier.pooling: 0.02" in advice


@pytest.mark.parametrize("side", [320, 640, 4000])
def test_without_masks_large_images_get_a_word(side: int) -> None:
    sentences = list(say_shares(manifest(mask=False, side=side), {}, params(), 32))
    if side <= 320:
        assert sentences == []
    else:
        pixels = round(32 * side / 160)
        assert f"smaller than {pixels} x {pixels} pixels of an image" in sentences[0]
        assert "raise data.tiles" in sentences[0]


@pytest.mark.parametrize(("tiles", "pooling", "said"), [(1, "mean", 0), (3, "mean", 1), (3, 0.05, 0)])
def test_the_mean_over_many_tiles_gets_a_word(tiles: int, pooling: float | str, said: int) -> None:
    sentences = say_shares(manifest(mask=True), {"crack": 200000}, params(tiles=tiles, pooling=pooling), 32)
    assert sum("classifier.pooling: mean" in sentence for sentence in sentences) == said
