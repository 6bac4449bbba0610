"""A small finished project for the review page, and a browser that looks at it."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.base.files import write_csv, write_json
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.heatmaps.store import write_index, write_shard

SHIPPED = Path(__file__).parents[2] / "params.yaml"
SIZE = (48, 80)
CLASSES = ("cat", "dog")
THRESHOLD = 0.5
# name -> labels, split, confidence, score
IMAGES: dict[str, tuple[tuple[int, ...], str, float, float]] = {
    "a": ((0,), "train", 0.9, 0.2),
    "b": ((1,), "train", 0.1, 0.9),
    "sub/c": ((0, 1), "train", 0.5, 0.5),
    "d": ((), "train", 1.0, 1.0),
    "e": ((1,), "train", 0.3, 0.7),
    "f": ((0,), "val", 0.4, 0.6),
    "g": ((1,), "test", 0.2, 0.1),
}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def true_mask(labels: Sequence[int]) -> np.ndarray:
    """A block for each label, side by side."""
    mask = np.zeros(SIZE, np.uint8)
    for place, label in enumerate(labels):
        mask[10:40, 5 + 36 * place : 35 + 36 * place] = label + 1
    return mask


def pseudo_mask(labels: Sequence[int]) -> np.ndarray:
    """The first label's block too far down, and nothing of the others."""
    return np.roll(true_mask(labels[:1]), 6, axis=0)


def stored_heat(labels: Sequence[int]) -> np.ndarray:
    """Heat (P, 12, 20) that falls from the left to the right, and for a second label from the right."""
    slope = np.tile(np.linspace(255, 0, 20).astype(np.uint8), (12, 1))
    return np.stack([slope, slope[:, ::-1]][: len(labels)])


def write_review_project(
    root: Path, classes: tuple[str, ...] = CLASSES, names: Mapping[str, str] = {}
) -> Manifest:
    """A project after `camseg run`; `names`: other names for images of `IMAGES`."""
    samples, heat, rows = [], {}, []
    for key, (labels, split, confidence, score) in IMAGES.items():
        name = names.get(key, key)
        image = np.random.default_rng(0).integers(80, 160, (*SIZE, 3)).astype(np.uint8)
        image[true_mask(labels) > 0] //= 2
        write_image(root / f"images/{key}.png", image)
        samples.append(Sample(name, f"{key}.png", "", *SIZE, labels, split, True, True))
        write_mask(root / f"data/masks/full/{name}.png", true_mask(labels))
        if split == "train":
            write_mask(root / f"data/masks/cam/{name}.png", pseudo_mask(labels))
            heat |= {name: stored_heat(labels)} if labels else {}
            lost = ";".join(classes[label] for label in labels[1:])
            row = {"name": name, "confidence": confidence, "corrected": 0, "miou_after": score}
            rows.append(row | {"lost_labels": lost})
        if split == "val":
            write_mask(root / f"data/predictions/cam/{name}.png", pseudo_mask(labels))
            predicted = [{"name": name, "confidence": confidence, "miou": score}]
            write_csv(root / "reports/evaluation/cam/images.csv", ("name", "confidence", "miou"), predicted)
    (root / "params.yaml").write_text(SHIPPED.read_text())
    manifest = Manifest("images", classes, tuple(sorted(samples, key=lambda s: s.name)))
    write_manifest(root / "data/prepared", manifest)
    write_shard(root / "data/heatmaps/cam", 0, heat)
    write_index(root / "data/heatmaps/cam", [list(heat)])
    write_json(root / "reports/pseudo_masks/cam/metrics.json", {"threshold": THRESHOLD})
    write_csv(root / "reports/pseudo_masks/cam/images.csv", tuple(rows[0]), rows)
    issue = {"name": names.get("e", "e"), "split": "train", "class": classes[0], "given": 0}
    issue |= {"probability": 0.97}
    write_csv(root / "reports/classifier/label_issues.csv", tuple(issue), [issue])
    return manifest


def start_chromium() -> Iterator[Any]:
    """A browser for the tests of a module; they are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        yield browser
        browser.close()


def open_page(browser: Any, address: str, **options: Any) -> Any:
    """The review page in a tab of its own; what goes wrong in it is kept in `page.errors`."""
    page = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options)).new_page()
    page.set_default_timeout(10_000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text))
    page.on("dialog", lambda dialog: page.errors.append(dialog.message) or dialog.accept())
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    return page


def walled(page: Any) -> list[str]:
    """The names of the images on the wall, in order."""
    return page.evaluate(
        "[...document.querySelectorAll('.tile')]"
        ".sort((a, b) => a.dataset.place - b.dataset.place).map(tile => tile.title)"
    )


def open_image(page: Any, name: str) -> None:
    """Open one image from the wall, and wait until all of it is drawn."""
    page.locator(f'.tile[title="{name}"]').click()
    drawn(page, name)


def drawn(page: Any, name: str) -> None:
    """Wait until the page shows the masks of an image."""
    page.wait_for_function(
        "name => document.getElementById('shares').dataset.name === name && "
        "document.getElementById('name').textContent === name",
        arg=name,
    )


def shows(page: Any, selector: str, texts: str | Sequence[str]) -> None:
    """Wait until elements of the page have these texts: the page draws a frame later than it hears a key."""
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(page.locator(selector)).to_have_text(texts, use_inner_text=True, timeout=10_000)
