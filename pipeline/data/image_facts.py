"""What the check learns of each image beside its pixels, and what it says of all of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.base.problems import Problem
from pipeline.data.images import shrink
from pipeline.data.pixels.decoding import decode, to_rgb
from pipeline.data.pixels.far_values import far_values
from pipeline.data.pixels.intensity import (
    HIGHEST,
    LOWEST,
    ValueSummary,
    clipped_share,
    own_ranges,
    set_ranges,
    summary_of,
    used_levels,
)
from pipeline.data.pixels.reading import ImageReading, ValueRange
from pipeline.data.pixels.stored import Note, StoredValues
from pipeline.data.problem_lists import warn_of
from pipeline.params import DataParams

FEW_LEVELS = 32  # of 256
DARK = 16  # lightest grey of an image that looks black
CLIPPED = 0.1  # share of the values of an image outside the range of the set
NOTES: Mapping[Note, tuple[str, str, str]] = {
    "frames": (
        "one frame",
        "with several, of which one is read",
        "Set data.frame to the number of the one that is meant, or save the frames as files of their own.",
    ),
    "fourth band": (
        "a last band that is opacity",
        "whose last band has the values of light, and is left out",
        "Set data.bands to choose the bands that are read.",
    ),
    "flat opacity": (
        "opacity that shows which parts are seen",
        "whose opacity is the same everywhere; their colours are read without it",
        "If nothing is meant to be seen in them, take them out.",
    ),
    "mixed opacity": (
        "opacity that is 0 or full nearly everywhere",
        "whose opacity has other values in most pixels, and lies on white",
        "If their last band is no opacity, set data.bands to the others, as [1, 2, 3].",
    ),
    "more bands": (
        "three bands or one",
        "with more, of which the first three are read",
        "Set data.bands to choose the three bands that are read.",
    ),
    "bands without a colour": (
        "files that name their colours",
        "whose three bands are taken for red, green and blue",
        "Set data.bands if they have another order.",
    ),
}


@dataclass(frozen=True)
class ImageFacts:
    """What a file holds beside its pixels."""

    kind: str = "8 bits"  # of its values
    stored: bool = False  # the stages read it as a copy of 8 bits
    summary: ValueSummary | None = None  # None: its values are of 8 bits already
    greys: tuple[int, int] = (0, 255)  # the 0.1 and 99.9 percentiles of an image of 8 bits
    notes: tuple[Note, ...] = ()


EIGHT_BITS = ImageFacts()


@dataclass(frozen=True)
class ExaminedImage:
    """An image as `check` looks at it."""

    image: Image.Image  # RGB, at most `max_side`; values of more than 8 bits by its own percentiles
    size: tuple[int, int]  # height and width of the file, upright
    facts: ImageFacts


def examine_image(path: Path, max_side: int, max_megapixels: float, reading: ImageReading) -> ExaminedImage:
    """Decode an image once."""
    decoded = decode(path, max_megapixels, reading)
    pixels = decoded.pixels
    if isinstance(pixels, StoredValues):
        kind, final = _kind(pixels), pixels.values.dtype == np.uint8
        summary = None if final else summary_of(pixels)
        rgb = to_rgb(pixels, ImageReading(ranges=None if summary is None else own_ranges(summary)))
        facts = ImageFacts(kind, True, summary, _greys(rgb) if final else (0, 255), decoded.notes)
    else:
        rgb = to_rgb(pixels, reading)
        facts = ImageFacts(greys=_greys(rgb), notes=decoded.notes)
    return ExaminedImage(shrink(rgb, max_side), (rgb.height, rgb.width), facts)


def reading_params(data: DataParams) -> ImageReading:
    """The frame and the bands that `data` asks for, with a range if it is given."""
    ranges = data.intensity if isinstance(data.intensity, tuple) else None
    return ImageReading(data.bands, data.frame, None if ranges is None else (ranges,))


def set_reading(
    data: DataParams, facts: Sequence[ImageFacts], training: Sequence[ImageFacts]
) -> ImageReading:
    """The reading of all images of a set: with `data.intensity: auto`, by the values of the training images.

    Where no training image has more than 8 bits, the others decide.
    """
    reading = reading_params(data)
    if data.intensity != "auto":
        return reading
    summaries = [f.summary for f in training if f.summary] or [f.summary for f in facts if f.summary]
    return ImageReading(data.bands, data.frame, set_ranges(summaries)) if summaries else reading


def value_lines(facts: Sequence[ImageFacts], reading: ImageReading) -> list[str]:
    """What the images hold: how many of each kind of values, and what becomes black and white."""
    counts = Counter(fact.kind for fact in facts)
    lines = [f"{count} image(s) of {kind}{_span(facts, kind)}" for kind, count in sorted(counts.items())]
    if any(fact.summary for fact in facts):
        ranges = reading.ranges
        lines.append(
            f"black and white: {_listed(ranges)} (data.intensity)"
            if ranges
            else "black and white: percentiles of each image (data.intensity: image)"
        )
    return lines


def image_warnings(
    file: Path, names: Sequence[str], facts: Sequence[ImageFacts], reading: ImageReading
) -> list[Problem]:
    """What was passed over in files, and images that are nearly black, flat or clipped."""
    problems = []
    for note, (expected, kind, advice) in NOTES.items():
        noted = [name for name, fact in zip(names, facts, strict=True) if note in fact.notes]
        problems += warn_of(noted, kind, file, expected, advice)
    problems += _no_data(file, names, facts, reading)
    looks = [_look(fact, reading) for fact in facts]
    deep = any(fact.summary for fact in facts)
    remedy = "Look at them. " + (
        "data.intensity: image gives each image its own range, [low, high] a fixed one." if deep else ""
    )
    for look, expected in (
        ("that are nearly black", "images in which something is seen"),
        (f"that use fewer than {FEW_LEVELS} of the 256 grey levels", "images with light and dark parts"),
        (f"with more than {CLIPPED:.0%} of their values outside", f"values from {_listed(reading.ranges)}"),
    ):
        found = [name for name, at in zip(names, looks, strict=True) if at == look]
        problems += warn_of(found, look, file, expected, remedy.strip())
    return problems


def _no_data(
    file: Path, names: Sequence[str], facts: Sequence[ImageFacts], reading: ImageReading
) -> Iterator[Problem]:
    """Warnings on values that may mean `no data` and take a part of the range for themselves."""
    for far in far_values([fact.summary for fact in facts]):
        if reading.ranges and not any(low <= far.value <= high for low, high in reading.ranges):
            continue
        low, high = far.others
        expected = f"all values near the others, from {low:g} to {high:g}"
        advice = (
            f"If it means `no data`, set data.intensity: [{low:g}, {high:g}], or a part of it: what lies "
            "outside becomes black or white."
        )
        images = [names[i] for i in far.images]
        yield from warn_of(images, f"with many values {far.value:g}", file, expected, advice)


def _look(fact: ImageFacts, reading: ImageReading) -> str:
    """What is wrong with the greys of an image, in the words of the warnings; empty: nothing."""
    low, high = fact.greys
    if fact.summary is not None:
        ranges = reading.ranges or own_ranges(fact.summary)
        low, high = _ends(fact.summary, ranges[0])
        if used_levels(fact.summary, ranges) >= FEW_LEVELS:
            outside = clipped_share(fact.summary, ranges) > CLIPPED
            return f"with more than {CLIPPED:.0%} of their values outside" if outside else ""
    if high < DARK:
        return "that are nearly black"
    few = f"that use fewer than {FEW_LEVELS} of the 256 grey levels"
    return few if high - low < FEW_LEVELS - 1 else ""


def _ends(summary: ValueSummary, ends: ValueRange) -> tuple[int, int]:
    """The darkest and the lightest grey of an image by a range."""
    if not summary.counts[0]:
        return (0, 0)
    first = replace(summary, quantiles=summary.quantiles[:1], counts=summary.counts[:1], window=None)
    own = own_ranges(first)[0]
    low, high = np.clip((np.array(own) - ends[0]) / (ends[1] - ends[0]), 0, 1) * 255
    return round(low), round(high)


def _greys(image: Image.Image) -> tuple[int, int]:
    counts = np.cumsum(image.convert("L").histogram())
    low, high = np.searchsorted(counts, [LOWEST * counts[-1], HIGHEST * counts[-1]])
    return int(low), int(high)


def _kind(stored: StoredValues) -> str:
    dtype = stored.values.dtype
    kind = {"u": "", "i": " with a sign", "f": ", floating point"}[dtype.kind]
    return f"{dtype.itemsize * 8} bits{kind}"


def _span(facts: Sequence[ImageFacts], kind: str) -> str:
    bands = [
        quantiles
        for fact in facts
        if fact.kind == kind and fact.summary
        for quantiles in fact.summary.quantiles
        if quantiles
    ]
    return f", values from {min(q[0] for q in bands):g} to {max(q[-1] for q in bands):g}" if bands else ""


def _listed(ranges: Sequence[ValueRange] | None) -> str:
    return ", ".join(f"{low:g} to {high:g}" for low, high in ranges or ())
