"""Every image and mask of a folder decoded once, before anything is trained on them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join
from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem, listed
from pipeline.data.duplicates import difference_hash
from pipeline.data.images import IGNORE, ImageError, Mask, read_image, read_mask
from pipeline.data.outlines import draw_shapes
from pipeline.data.sources.records import SourceRecord
from pipeline.data.sources.spelling import MISSING
from pipeline.formats.palette import Colour


@dataclass(frozen=True)
class Reader:
    """How the files of a folder are read."""

    folder: Path
    ids: int  # of the source's masks, without 0 and 255
    colours: Mapping[Colour, int] | None  # ids of RGB masks
    max_megapixels: float


@dataclass(frozen=True)
class Finding:
    """What the files of one record hold."""

    sha256: str = ""  # of the image file
    height: int = 0  # pixels, upright
    width: int = 0
    ids: tuple[int, ...] | None = None  # in the mask, with 0 and 255; None: there is no mask
    hash: int = 0  # of what the image looks like, 64 bits
    problems: tuple[Problem, ...] = ()


def examine_all(reader: Reader, records: Sequence[SourceRecord], workers: int | None) -> list[Finding]:
    """The finding of each record, in the order of the records."""
    function = partial(examine, reader)
    return parallel_map(function, records, workers=workers, description="reading images and masks")


def examine(reader: Reader, record: SourceRecord) -> Finding:
    """Decode the image of `record` and its mask, if there is one, and compare them."""
    file = reader.folder / record.image
    try:
        image = read_image(safe_join(reader.folder, record.image), reader.max_megapixels)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    except (ValueError, OSError, MemoryError) as error:
        return Finding(problems=(_unreadable(file, "a readable image", error, record),))
    height, width = image.shape[:2]
    ids, problems = _examine_mask(reader, record, (height, width))
    return Finding(sha256, height, width, ids, difference_hash(image), tuple(problems))


def source_mask(reader: Reader, record: SourceRecord) -> Mask | None:
    """The mask of `record` with the ids of the source, uint8 (H, W); None if there is none.

    Raises:
        ValueError: it cannot be read or drawn, or lies outside the folder.
    """
    match record.mask:
        case None:
            return None
        case str(name):
            file = safe_join(reader.folder, name)
            return read_mask(file, reader.colours, reader.max_megapixels) if file.exists() else None
        case shapes:
            if record.size is None:
                raise ImageError("expected the height and width of the image, got none")
            return draw_shapes(shapes, record.size)


def _examine_mask(
    reader: Reader, record: SourceRecord, size: tuple[int, int]
) -> tuple[tuple[int, ...] | None, list[Problem]]:
    if isinstance(record.mask, tuple) and record.size != size:  # before anything is drawn at that size
        return None, [_other_size(record.location.file, record.size, size, record)]
    file = reader.folder / record.mask if isinstance(record.mask, str) else record.location.file
    try:
        mask = source_mask(reader, record)
    except (ValueError, OSError, MemoryError) as error:
        return None, [_unreadable(file, "a mask of class ids", error, record)]
    if mask is None:
        return None, []
    ids = tuple(int(i) for i in np.unique(mask))
    problems = [_other_size(file, mask.shape, size, record)] if mask.shape != size else []
    unknown = [i for i in ids if reader.ids < i < IGNORE]
    if unknown:
        advice = "Check the order and number of the classes (data.classes, classes.txt)."
        expected = f"ids 0..{reader.ids} or {IGNORE}"
        problems.append(Problem(file, expected, listed(unknown), advice, record.location))
    return ids, problems


def _other_size(
    file: Path, found: tuple[int, ...] | None, size: tuple[int, int], record: SourceRecord
) -> Problem:
    got = f"{found[0]} x {found[1]}" if found else "none"
    advice = "Export the mask at the size of its upright image, without interpolation."
    return Problem(file, f"the image's height x width {size[0]} x {size[1]}", got, advice, record.location)


def _unreadable(file: Path, expected: str, error: Exception, record: SourceRecord) -> Problem:
    message = str(error).removeprefix(f"{file}: ").rstrip(".")
    said = record.location.file.name
    entry = "its line in labels.csv" if said == "labels.csv" else f"its entry in {said}"
    if not file.exists():
        return Problem(file, expected, MISSING, f"Put it there, or delete {entry}.", record.location)
    also = "" if record.location.file == file else f", and {entry}"
    return Problem(
        file, expected, f"an error: {message}", f"Replace or delete the file{also}.", record.location
    )
