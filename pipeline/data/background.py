"""Data without background: every pixel belongs to a class, so the id 0 of a mask says nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import Problem
from pipeline.data.decode_check import DecodedFiles
from pipeline.data.images import IGNORE
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.records import SourceRecord

KEY = "data.background"


def without_background(table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The table of new ids, uint8 (256,), with 255 for what was background."""
    return np.where(table == 0, np.uint8(IGNORE), table)


def background_problems(
    file: Path, decoded: Sequence[tuple[SourceRecord, DecodedFiles]], background: bool
) -> list[Problem]:
    """A warning where `data.background` and the data contradict each other."""
    if not background:
        names = [record.name for record, _ in decoded if not record.labels]
        expected, advice = "a label for each image of data without background", "Their masks stay open (255)."
        return warn_of(names, "without", file, expected, advice)
    masks = [files.ids for _, files in decoded if files.ids is not None]
    labels = {label for record, _ in decoded for label in record.labels}
    if not masks or len(labels) < 2 or any(0 in ids for ids in masks):
        return []
    advice = f"Does every pixel belong to a class? Then set {KEY} to false (`camseg use --no-background`)."
    return [Problem(file, "background (the id 0) in some mask", "none", advice, fatal=False)]
