"""The table of `camseg predict`: a row for each image and class."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from pipeline.commands.predict_options import PixelScale
from pipeline.data.images import IGNORE, Mask, id_counts
from pipeline.evaluation.object_counts import label_parts
from pipeline.segmentation.mask_rule import RegionSums, class_confidences, image_confidence

TABLE = "predictions.csv"
OF_IMAGE = ("image", "mask", "confidence", "open")
OF_CLASS = ("class", "probability", "share", "objects", "class_confidence")


class PredictionTable:
    """Writes rows to an open file, each as soon as it is known: a killed run keeps its rows."""

    def __init__(self, file: IO[str], classes: Sequence[str], scale: PixelScale | None) -> None:
        self.file, self.classes, self.scale = file, classes, scale
        self.writer = csv.writer(file, lineterminator="\n")
        self._write([OF_IMAGE + OF_CLASS + ((f"area_{scale.unit}2",) if scale else ())])

    def add(self, image: Path, name: str, mask: Mask, sums: RegionSums) -> None:
        """The rows of one image, from its mask and from the sums of the image as the model saw it."""
        pixels, sure = id_counts(mask), class_confidences(sums)
        of_image = [
            image,
            f"{name}.png",
            six_digits(image_confidence(sums)),
            six_digits(pixels[IGNORE] / mask.size),
        ]
        rows = []
        for label, class_name in enumerate(self.classes, 1):
            count, _ = label_parts(mask == label) if pixels[label] else (0, None)
            shown = six_digits(sure[label]) if count and not np.isnan(sure[label]) else ""
            row = [
                class_name,
                six_digits(sums.highest[label]),
                six_digits(pixels[label] / mask.size),
                count,
                shown,
            ]
            area = [f"{pixels[label] * self.scale.area:.6g}"] if self.scale else []
            rows.append([*of_image, *row, *area])
        self._write(rows)

    def _write(self, rows: Iterable[Sequence[object]]) -> None:
        self.writer.writerows(rows)
        self.file.flush()


def six_digits(value: float) -> str:
    """A share or a probability with six digits."""
    return f"{value:.6f}"
