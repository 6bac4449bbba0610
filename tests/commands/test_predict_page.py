"""`camseg predict --page`: what the page says of images, and that it is text and needs nothing else."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.commands.predict_page import write_page
from pipeline.report.prediction_page import PredictionFacts
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from tests.image_folder import write_image_file
from tests.report.test_page import Page
from tests.report.test_review_page import ODD, ODD_CLASSES
from tests.segmentation.nets import RedIsOne, half_red

SHIPPED = Path(__file__).parents[2] / "params.yaml"
PAGE = Path("out/index.html")
UNSURE = 0.9999999  # probabilities of the stub are 1 or nearly so


def pale(height: int, width: int) -> np.ndarray:
    """`half_red` with colours of which the network is less sure."""
    return half_red(height, width) // 4 + 100


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Predicts files by `RedIsOne` in a folder of its own, and gives the page."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())

    def run(*options: str, classes: tuple[str, ...] = ("cat", "dog"), status: int = 0) -> str:
        net = SegmentationNet(RedIsOne(), SegmentationConfig(classes, 64)).eval()
        monkeypatch.setattr("pipeline.commands.predict_images.load_model", lambda folder: net)
        assert main(["predict", "images", "--page", "--out", "out", *options]) == status
        return PAGE.read_text(encoding="utf-8")

    return run


def rows() -> list[dict[str, str]]:
    with Path("out/predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def words(page: str) -> str:
    return re.sub(r"\s+", " ", Page(page).text)


def test_least_sure_images_come_first_with_their_classes_and_shares(predict: Callable[..., str]) -> None:
    write_image_file(Path("images/a/sure.png"), half_red(24, 40))
    write_image_file(Path("images/b/pale.png"), pale(24, 40))
    write_image_file(Path("images/none.png"), np.full((24, 40, 3), (0, 0, 200), np.uint8))
    page = predict()
    by_name = {row["mask"].removesuffix(".png"): row for row in rows() if row["class"] == "cat"}
    order = sorted(by_name, key=lambda name: float(by_name[name]["confidence"]))
    assert order[0] == "b/pale"
    assert len({row["confidence"] for row in by_name.values()}) == 3
    assert Page(page).alt == [f"{name}: {tile}" for name in order for tile in ("image", "prediction")]
    assert "3 of 3, least sure first" in words(page)
    for name in order:
        share, sure = float(by_name[name]["share"]), float(by_name[name]["confidence"])
        found = f"cat {100 * share:.1f} %" if share else "no class"
        assert f"{name} {found} confidence {sure:.3f}" in words(page).replace("\u2002", " ")
    assert "mIoUcannot be told without masks" in words(page)
    assert "images without a class1 of 3" in words(page)
    assert "dog0\u20130\u2013" in words(page).replace(" ", "")  # no image shows it


def test_what_min_confidence_left_out_is_told_and_drawn(predict: Callable[..., str]) -> None:
    write_image_file(Path("images/a.png"), half_red(24, 40))
    write_image_file(Path("images/b.png"), pale(24, 40))
    page = predict("--min-confidence", str(UNSURE))
    opened = {row["mask"]: float(row["open"]) for row in rows()}
    assert opened["b.png"] == 1
    assert 0 < opened["a.png"] < 1
    text = words(page).replace("\u2002", " ")
    assert f"left open{100 * np.mean(list(opened.values())):.1f} %" in text
    assert "2 of 2 have such pixels" in text
    assert f"left open {100 * opened['a.png']:.1f} %" in text
    assert f"with --min-confidence {UNSURE}." in text


def test_without_min_confidence_nothing_is_left_out(predict: Callable[..., str]) -> None:
    write_image_file(Path("images/a.png"), half_red(24, 40))
    assert "left open0.0 %Nothing: --min-confidence was not given." in words(predict())


def test_areas_have_their_unit(predict: Callable[..., str]) -> None:
    write_image_file(Path("images/a.png"), half_red(24, 40))
    page = predict("--scale", "2mm", "--min-area", "3")
    area = next(row["area_mm2"] for row in rows() if row["class"] == "cat")
    assert float(area) == 4 * 24 * 40 * float(rows()[0]["share"])
    assert f"<td>{area}</td>" in page
    assert "--min-area 3" in words(page)


def test_odd_names_of_files_and_classes_are_text(predict: Callable[..., str]) -> None:
    names = [name.replace("/", "") for name in ODD.values()]
    for name in names:
        write_image_file(Path("images", f"{name}.png"), half_red(24, 40))
    page = predict(classes=ODD_CLASSES, status=0)
    parsed = Page(page)
    assert {alt.rpartition(": ")[0] for alt in parsed.alt} == set(names)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert parsed.tags.count("img") == 2 * len(names)
    assert all(name in parsed.text for name in ODD_CLASSES)
    assert not re.search(r"<script|<img src=x", page)


def test_page_needs_nothing_else_and_has_the_same_bytes_again(predict: Callable[..., str]) -> None:
    write_image_file(Path("images/a.png"), half_red(24, 40))
    page = predict()
    assert Page(page).links
    assert all(link.startswith("data:image/webp;base64,") for link in Page(page).links)
    assert not re.search(r"https?:|//[a-z]+\.|url\((?!#)|@import", page)
    assert "default-src 'none'" in page
    Path("out").rename("first")
    assert predict() == page


def test_many_images_show_the_least_sure_ones(
    predict: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.commands.predict_page.MOST", 1)
    write_image_file(Path("images/a.png"), half_red(24, 40))
    write_image_file(Path("images/b.png"), pale(24, 40))
    write_image_file(Path("images/c.jpg"), half_red(24, 40))
    Path("images/c.jpg").write_bytes(b"broken")
    page = predict(status=1)
    assert "1 of 2, least sure first" in words(page)
    assert Page(page).alt == ["b: image", "b: prediction"]
    assert "1 more could not be read" in words(page)


def test_an_image_that_is_gone_keeps_its_figures(predict: Callable[..., str]) -> None:
    write_image_file(Path("images/a.png"), half_red(24, 40))
    predict()
    facts = PredictionFacts(("cat", "dog"), "model", "", 0.0, 0, None)
    write_page(Path("out"), {"a": Path("images/a.png")}, lambda _: OSError("gone"), facts)
    page = PAGE.read_text(encoding="utf-8")
    assert Page(page).alt == []
    assert "cat" in words(page)
