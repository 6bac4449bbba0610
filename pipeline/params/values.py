"""The types of the values of `params.yaml`, with their limits."""

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field


def _check_order(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("expected [smallest, largest]")
    return pair


def _check_pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"expected a regular expression: {error}") from error
    if not groups:
        raise ValueError("expected a regular expression with (...) around the name of the group")
    return text


def _check_rise(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError("expected [low, high], low below high")
    return ends


def _check_bands(bands: tuple[int, ...]) -> tuple[int, ...]:
    if len(bands) not in (1, 3):
        raise ValueError(f"expected three bands or one, got {len(bands)}")
    return bands


def _check_weights(weights: str) -> str:
    if weights == "imagenet":  # the old name of `pretrained`
        raise ValueError("expected pretrained, none, or the path of a file")
    return weights


def weights_file(weights: str) -> Path | None:
    """The file that `weights` names; None: it is no path, or nothing is there."""
    return Path(weights) if Path(weights).is_file() else None


T = TypeVar("T")
# YAML has lists, and these are tuples; what is in them is as strict as everything else.
Many = Annotated[tuple[T, ...], Field(strict=False)]
Range = Annotated[tuple[T, T], Field(strict=False), AfterValidator(_check_order)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
LEAST_WIDTH = {"sxy": 5e-4, "srgb": 0.1}  # of a CRF's kernels; pydensecrf ends Python at much smaller ones
Width = Annotated[float, Field(ge=LEAST_WIDTH["sxy"], allow_inf_nan=False)]  # share of the long side
GreyWidth = Annotated[float, Field(ge=LEAST_WIDTH["srgb"], allow_inf_nan=False)]  # grey levels
Count = Annotated[int, Field(ge=1)]
GreyRange = Annotated[tuple[Finite, Finite], Field(strict=False), AfterValidator(_check_rise)]
Bands = Annotated[Many[Count], AfterValidator(_check_bands)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
Weights = Annotated[str, AfterValidator(_check_weights)]
Scales = Annotated[Many[Annotated[float, Field(gt=0, le=8)]], Field(min_length=1)]
HeatmapMethod = Literal["cam", "gradcam", "gradcampp", "xgradcam", "hirescam", "layercam"]
ObjectSize = Literal["auto", "small", "large"]
Refinement = Literal["auto", "crf", "par", "segments", "colours", "pixels", "none"]
Source = Literal[  # kinds of folders
    "csv", "imagefolder", "coco", "voc", "labelstudio", "cvat", "yolo", "labelme", "via", "mvtec", "masks"
]  # fmt: skip
