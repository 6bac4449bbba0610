"""What the cells of a classifier say about the size of objects, without masks: a file beside the heatmaps."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.base.files import read_json, write_json
from pipeline.params import ObjectSize

EVIDENCE = "evidence.json"
ELEVATION = 0.065  # at most
OPEN_ELEVATION = 0.12  # up to it, colours decide
OWN_COLOURS = 0.75  # at least
RECOGNISED = 0.35  # at least
LARGEST_AREA = 0.2  # at most: what covers a fifth of its images is not small
UNSURE = 2.0  # times that the area may differ with other images


@dataclass(frozen=True)
class Evidence:
    """Measured on images at three times the size of the training; medians over the classes.

    Where objects are small, most cells of an image with a class look like those of images without it. Where
    the classifier does not know enlarged objects any more, all cells do: then they tell nothing.
    """

    area: float  # share of the cells of images with labels that have more of their classes than others have
    area_low: float  # the area may as well be this,
    area_high: float  # or this, with other images of the same kind: nine tenths of all cases
    elevation: float  # the median cell, between 0, that of images without the class, and 1, the largest
    recognised: float  # how far the largest cell stands out, against the size of the training
    objects: ObjectSize = "auto"  # as `heatmaps.objects` has it
    # Share of the classes that have some, see `own_colour_share`; measured where the cells are not sure.
    own_colours: float = 0.0

    @property
    def small(self) -> bool:
        """Whether objects are small, so that heat should cover `area`: as a person, cells or colours say."""
        told = self._may_be_small(ELEVATION) or (self.is_open and self.own_colours >= OWN_COLOURS)
        return bool(self.area) and (self.objects == "small" or told)

    @property
    def is_open(self) -> bool:
        """Whether neither a person nor the cells say, so that colours decide."""
        unsaid = self.objects == "auto" and not self._may_be_small(ELEVATION)
        return unsaid and self._may_be_small(OPEN_ELEVATION)

    @property
    def unsure(self) -> bool:
        """Whether other images of the same kind may give an area so different that the threshold is open."""
        return self.area_high > UNSURE * max(self.area_low, 1e-6)

    def _may_be_small(self, elevation: float) -> bool:
        """Whether the figures allow small objects, with an elevation of at most `elevation`."""
        return self.elevation <= elevation and self.recognised >= RECOGNISED and self.area <= LARGEST_AREA


def write_evidence(folders: Iterable[Path], evidence: Evidence) -> None:
    """Write `evidence.json` into the folder of each method's heatmaps."""
    for folder in folders:
        write_json(folder / EVIDENCE, asdict(evidence))


def read_evidence(folder: Path) -> Evidence | None:
    """The evidence beside heatmaps; None where it was not measured."""
    file = folder / EVIDENCE
    return Evidence(**read_json(file)) if file.exists() else None
