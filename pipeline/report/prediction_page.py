"""Fills prediction_page.html: predictions of new images on one page that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.formats.palette import voc_palette
from pipeline.report.summary import three
from pipeline.report.template import page_environment
from pipeline.report.tiles import Tile


@dataclass(frozen=True)
class FoundClass:
    """A class that a mask shows."""

    label: int  # its id, from 1
    share: float  # of the pixels
    objects: int  # connected parts
    confidence: float | None  # mean probability in its region
    area: float | None = None  # in squares of the unit


@dataclass(frozen=True)
class PredictedImage:
    """What is told of one image beside its picture."""

    name: str
    confidence: float  # of the mask, in [0, 1]
    open: float  # share of the pixels that are 255
    found: tuple[FoundClass, ...]


@dataclass(frozen=True)
class PredictionFacts:
    """What holds for all images of the page."""

    classes: Sequence[str]
    model: str  # its folder
    options: str  # that decide how masks are made, as they were given; empty without any
    min_confidence: float
    skipped: int  # files that could not be read
    unit: str | None  # of lengths, where the side of a pixel is known


@dataclass(frozen=True)
class ClassRow:
    """A class in all images together."""

    label: int
    images: int  # that show it
    share: float | None  # of these images, mean
    objects: int
    confidence: float | None  # mean over these images
    area: str  # sum, empty without unit


def least_sure(images: Sequence[PredictedImage]) -> list[PredictedImage]:
    """The images by rising confidence; equal ones by name."""
    return sorted(images, key=lambda image: (image.confidence, image.name))


def render_prediction_page(
    images: Sequence[PredictedImage],
    shown: Sequence[tuple[PredictedImage, Sequence[Tile]]],
    facts: PredictionFacts,
) -> str:
    """The page.

    Args:
        images: all of them; at least one.
        shown: those with a picture, in the order of the page.
    """
    environment = page_environment()
    environment.filters |= {"score": three, "percent": percent_or_dash}
    return environment.get_template("prediction_page.html").render(
        images=images,
        shown=shown,
        facts=facts,
        names=("background", *facts.classes),
        colours=[f"rgb({red} {green} {blue})" for red, green, blue in voc_palette()],
        classes=[class_row(images, label) for label in range(1, len(facts.classes) + 1)],
        mean_confidence=mean_of([image.confidence for image in images]),
        mean_open=mean_of([image.open for image in images]),
        opened=sum(image.open > 0 for image in images),
        without=sum(not image.found for image in images),
    )


def class_row(images: Sequence[PredictedImage], label: int) -> ClassRow:
    """What all images together say of one class."""
    found = [one for image in images for one in image.found if one.label == label]
    areas = [one.area for one in found if one.area is not None]
    return ClassRow(
        label=label,
        images=len(found),
        share=mean_of([one.share for one in found]),
        objects=sum(one.objects for one in found),
        confidence=mean_of([one.confidence for one in found if one.confidence is not None]),
        area=f"{sum(areas):.6g}" if areas else "",
    )


def mean_of(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return float(np.mean(values)) if values else None


def percent_or_dash(share: float | None) -> str:
    """A share in [0, 1] with one decimal; a dash where there is none."""
    return three(share) if share is None else f"{100 * share:.1f} %"
