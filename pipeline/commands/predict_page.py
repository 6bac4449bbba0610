"""The page of `camseg predict --page`, from the table and the masks that are written."""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from pipeline.base.files import csv_rows, safe_join, write_text
from pipeline.base.parallel import read_ahead
from pipeline.commands.predict_options import PixelScale
from pipeline.commands.predict_table import TABLE
from pipeline.commands.unfinished import MASKS
from pipeline.data.images import ImageArray, read_mask, resize_mask
from pipeline.report.prediction_page import (
    FoundClass,
    PredictedImage,
    PredictionFacts,
    least_sure,
    render_prediction_page,
)
from pipeline.report.tiles import Tile, mask_tiles, shrink_image

PAGE = "index.html"
MOST = 200  # images with a picture: the page stays below 15 MB

ReadImage = Callable[[Path], tuple[ImageArray, tuple[int, int]] | Exception]


def write_page(out: Path, images: Mapping[str, Path], read: ReadImage, facts: PredictionFacts) -> None:
    """Write `out/index.html` with the pictures of the least sure images.

    Args:
        images: the files by the name of their mask.
        read: the image of a file as the model sees it, or why it cannot be read any more.
    """
    predicted = read_predicted(out, facts.classes)
    shown = least_sure(predicted)[:MOST]
    text = render_prediction_page(predicted, list(with_tiles(out, shown, images, read)), facts)
    write_text(out / PAGE, text)


def read_predicted(out: Path, classes: Sequence[str]) -> list[PredictedImage]:
    """The images of the table, whose rows of one image follow each other."""
    rows = groupby(csv_rows(out / TABLE), key=lambda row: row["mask"])
    return [predicted_image(mask, list(of_image), classes) for mask, of_image in rows]


def predicted_image(mask: str, rows: Sequence[Mapping[str, str]], classes: Sequence[str]) -> PredictedImage:
    """What the rows of an image say; they stand in the order of the ids."""
    found = tuple(found_class(label, row) for label, row in enumerate(rows, 1) if int(row["objects"]))
    return PredictedImage(
        mask.removesuffix(".png"), float(rows[0]["confidence"]), float(rows[0]["open"]), found
    )


def found_class(label: int, row: Mapping[str, str]) -> FoundClass:
    """A class that the mask has; the last column is its area, if the side of a pixel is known."""
    area = next((float(value) for key, value in row.items() if key.startswith("area_")), None)
    sure = row["class_confidence"]
    confidence = float(sure) if sure else None
    return FoundClass(label, float(row["share"]), int(row["objects"]), confidence, area)


def with_tiles(
    out: Path, shown: Sequence[PredictedImage], images: Mapping[str, Path], read: ReadImage
) -> Iterator[tuple[PredictedImage, list[Tile]]]:
    """The images with their pictures; without those of files that are gone meanwhile."""
    for predicted, decoded in zip(shown, read_ahead(read, [images[i.name] for i in shown]), strict=True):
        if isinstance(decoded, Exception):
            yield predicted, []
        else:
            yield predicted, prediction_tiles(out, predicted.name, decoded[0])


def prediction_tiles(out: Path, name: str, image: ImageArray) -> list[Tile]:
    """The image, and its mask over it, at the size of a report."""
    small = shrink_image(image)
    mask = read_mask(safe_join(out / MASKS, f"{name}.png"), max_megapixels=math.inf)
    return [Tile("image", small), *mask_tiles(small, {"prediction": resize_mask(mask, small.shape[:2])})]


def page_facts(
    arguments: argparse.Namespace, model: Path, classes: Sequence[str], scale: PixelScale | None, skipped: int
) -> PredictionFacts:
    """What the page tells of the command."""
    options = [f"--threshold {text}" for text in arguments.threshold]
    options += [f"--min-confidence {arguments.min_confidence}"] if arguments.min_confidence else []
    options += [f"--min-area {arguments.min_area:g}"] if arguments.min_area else []
    return PredictionFacts(
        classes=classes,
        model=model.as_posix(),
        options=" ".join(options),
        min_confidence=arguments.min_confidence,
        skipped=skipped,
        unit=scale.unit if scale else None,
    )
