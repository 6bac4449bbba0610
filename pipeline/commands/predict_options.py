"""What `camseg predict` is asked for, checked against the classes of the model."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.base.problems import listed
from pipeline.errors import UserError
from pipeline.segmentation.mask_rule import MaskRule

UNITS = ("nm", "um", "µm", "mm", "cm", "m", "km")
SCALE = re.compile(rf"(\d+(?:\.\d*)?|\.\d+)({'|'.join(UNITS)})")


@dataclass(frozen=True)
class PixelScale:
    """The side of a pixel of the images."""

    side: float
    unit: str

    @property
    def area(self) -> float:
        """Of a pixel, in squares of the unit."""
        return self.side**2


@dataclass(frozen=True)
class PredictOptions:
    """How masks are made of probabilities, and what is told of them."""

    rule: MaskRule
    scale: PixelScale | None
    min_area: float  # squares of the scale's unit; pixels without a scale

    @property
    def min_pixels(self) -> float:
        """The smallest part of a mask that stays."""
        return self.min_area / self.scale.area if self.scale else self.min_area


def read_options(arguments: argparse.Namespace, classes: Sequence[str]) -> PredictOptions:
    """The options of the command line.

    Raises:
        UserError: a number is out of range, or a class is unknown.
    """
    if not 0 <= arguments.min_confidence < 1:
        raise UserError(f"--min-confidence: expected a number in [0, 1), got {arguments.min_confidence:g}")
    if not arguments.min_area >= 0:
        raise UserError(f"--min-area: expected 0 or more, got {arguments.min_area:g}")
    thresholds = dict(read_threshold(text, classes) for text in arguments.threshold)
    rule = MaskRule(thresholds, arguments.min_confidence)
    return PredictOptions(rule, read_scale(arguments.scale), arguments.min_area)


def read_threshold(text: str, classes: Sequence[str]) -> tuple[int, float]:
    """The id and the probability of `CLASS=P`."""
    name, _, number = text.rpartition("=")
    if name not in classes:
        raise UserError(f"--threshold: expected CLASS=P with one of {listed(classes)}, got {text!r}")
    try:
        threshold = float(number)
    except ValueError:
        threshold = 0.0
    if not 0 < threshold < 1:
        raise UserError(f"--threshold {name}: expected a probability between 0 and 1, got {number!r}")
    return classes.index(name) + 1, threshold


def read_scale(text: str | None) -> PixelScale | None:
    """The side of a pixel of a text such as `0.05mm`."""
    if text is None:
        return None
    match = SCALE.fullmatch(text.replace(" ", ""))
    if match is None or float(match[1]) <= 0:
        raise UserError(
            f"--scale: expected the side of a pixel such as 0.05mm ({', '.join(UNITS)}), got {text!r}"
        )
    return PixelScale(float(match[1]), match[2].replace("µ", "u"))
