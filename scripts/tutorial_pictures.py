"""Take the pictures of docs/tutorial.md, after its steps.

    .venv/bin/python scripts/tutorial_pictures.py tutorial docs/tutorial

It needs Chromium and Playwright. FOLDER has `photos` and `project`; the pictures are WebP files in OUT.
"""

import argparse
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright

from pipeline.base.files import read_csv

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SHOWN, COLUMNS = 12, 6  # photos
CAPTION = 20  # pixels
WIDTH, HEIGHT = 1180, 760  # of the window, pixels
QUALITY = 70  # of WebP, 0..100


def main() -> None:
    """Write all pictures."""
    parser = argparse.ArgumentParser(
        "tutorial_pictures.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the finished tutorial")
    parser.add_argument("out", type=Path, metavar="OUT", help="where the pictures go")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    project = given.folder.resolve() / "project"
    save(draw_photos(given.folder / "photos"), given.out / "photos.webp")
    with sync_playwright() as driver:
        program = next(filter(None, map(shutil.which, CHROMIUM)))
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, file, prepare in (
            ("report", "reports/index.html", lambda page: None),
            ("images", "reports/index.html", scroll_to_images),
            ("review", "reports/review/index.html", open_and_paint),
            ("predictions", "predicted/index.html", scroll_to_images),
        ):
            save(photograph(page, project / file, prepare), given.out / f"{name}.webp")
        browser.close()


def save(picture: Image.Image, file: Path) -> None:
    """Write a picture and print its size."""
    picture.save(file, quality=QUALITY, method=6)
    print(f"{file}: {file.stat().st_size // 1000} kB")


def draw_photos(folder: Path) -> Image.Image:
    """The first photos with their labels below them."""
    rows = read_csv(folder / "labels.csv")[:SHOWN]
    photos = [Image.open(folder / "images" / row["image"]).convert("RGB") for row in rows]
    side = max(max(photo.size) for photo in photos)
    lines = -(-SHOWN // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (side + 8), lines * (side + CAPTION + 8)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (row, photo) in enumerate(zip(rows, photos, strict=True)):
        left, top = place % COLUMNS * (side + 8), place // COLUMNS * (side + CAPTION + 8)
        sheet.paste(photo, (left, top + side - photo.height))
        draw.text((left, top + side + 2), row["labels"].replace(";", ", ") or "(none)", "black", font)
    return sheet


def photograph(page: Any, file: Path, prepare: Callable[[Any], None]) -> Image.Image:
    """What the window shows of a page after `prepare`."""
    page.goto(file.as_uri())
    prepare(page)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def scroll_to_images(page: Any) -> None:
    """Go to the images of the page, and wait until they are drawn."""
    page.locator("#images").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('images').scrollIntoView()")
    page.wait_for_timeout(500)


def open_and_paint(page: Any) -> None:
    """Open the first image that has a mask, and paint a stroke in it; it stays in this browser."""
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('shares').dataset.name !== undefined")
    page.keyboard.press("b")
    page.keyboard.press("1")
    box = page.locator(".pane canvas").first.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.55 * box["height"], steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
