"""How the files of a data set become 8-bit images: which frame, which bands, which range of values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ValueRange = tuple[float, float]  # what becomes 0 and what becomes 255


@dataclass(frozen=True)
class ImageReading:
    """The same for all images of a data set, and for all images that its models see."""

    bands: tuple[int, ...] | None = None  # three or one, from 1; None: those that the file calls colours
    frame: int | None = None  # of files with several, counted from 1; None: such stacks are refused
    ranges: tuple[ValueRange, ...] | None = None  # one a band, or one for all; None: each image has its own

    @property
    def picks(self) -> bool:
        """Whether it asks for certain bands or for a frame."""
        return self.bands is not None or self.frame is not None


AS_IT_IS = ImageReading()


def reading_to_json(reading: ImageReading) -> dict[str, Any]:
    """What `reading_of_json` reads."""
    return asdict(reading)


def reading_of_json(raw: Mapping[str, Any] | None) -> ImageReading:
    """The reading that a manifest or a model keeps; None: of one that keeps none."""
    if raw is None:
        return AS_IT_IS
    bands, ranges = raw["bands"], raw["ranges"]
    return ImageReading(
        None if bands is None else tuple(map(int, bands)),
        raw["frame"],
        None if ranges is None else tuple((float(low), float(high)) for low, high in ranges),
    )
