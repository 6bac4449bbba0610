"""Decodes every image and mask of a folder once, before anything is trained on them."""

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
from pipeline.data.rasterise import rasterise
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
class DecodedFiles:
    """What the image and the mask of one record hold."""

    sha256: str = ""  # of the image file
    height: int = 0  # pixels, upright
    width: int = 0
    ids: tuple[int, ...] | None = None  # in the mask, with 0 and 255; None: there is no mask
    hash: int = 0  # see `difference_hash`
    problems: tuple[Problem, ...] = ()


def decode_all(reader: Reader, records: Sequence[SourceRecord]) -> list[DecodedFiles]:
    """The image and the mask of each record, decoded and compared, in the order of the records."""
    return parallel_map(partial(_decode, reader), records, description="reading images and masks")


def _decode(reader: Reader, record: SourceRecord) -> DecodedFiles:
    file = reader.folder / record.image
    try:
        image = read_image(safe_join(reader.folder, record.image), reader.max_megapixels)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    except (ValueError, OSError, MemoryError) as error:
        return DecodedFiles(problems=(_unreadable(file, "a readable image", error, record),))
    height, width = image.shape[:2]
    problems: list[Problem] = []
    mask = read_source_mask(reader, record, (height, width), problems)
    ids = None if mask is None else tuple(np.unique(mask).tolist())
    unknown = [i for i in ids or () if reader.ids < i < IGNORE]
    if unknown:
        expected, got = f"ids 0..{reader.ids} or {IGNORE}", listed(unknown)
        advice = "Check the order and number of the classes (data.classes, classes.txt)."
        problems.append(Problem(_mask_file(reader, record), expected, got, advice, record.location))
    return DecodedFiles(sha256, height, width, ids, difference_hash(image), tuple(problems))


def read_source_mask(
    reader: Reader, record: SourceRecord, size: tuple[int, int], problems: list[Problem]
) -> Mask | None:
    """What `source_mask` returns; adds a problem where it fails, or where the mask is not of `size`."""
    file, mask = _mask_file(reader, record), None
    got = record.size if isinstance(record.mask, tuple) else size
    if got == size:  # else nothing is drawn: the size may be anything
        try:
            mask = source_mask(reader, record)
        except (ValueError, OSError, MemoryError) as error:
            problems.append(_unreadable(file, f"a mask for {record.name!r}", error, record))
        got = size if mask is None else mask.shape
    if got != size:
        expected = f"the {size[0]} x {size[1]} pixels (height x width) of {record.name!r}"
        advice = "Export the mask at the size of its upright image, without interpolation."
        text = f"{got[0]} x {got[1]}" if got else "none"
        problems.append(Problem(file, expected, text, advice, record.location))
    return mask


def source_mask(reader: Reader, record: SourceRecord) -> Mask | None:
    """The mask of `record` with the ids of the source, uint8 (H, W); None if there is none."""
    match record.mask:
        case None:
            return None
        case str(name):
            file = safe_join(reader.folder, name)
            return read_mask(file, reader.colours, reader.max_megapixels) if file.exists() else None
        case shapes:
            if record.size is None:
                raise ImageError("expected the height and width of the image, got none")
            return rasterise(shapes, record.size)


def _mask_file(reader: Reader, record: SourceRecord) -> Path:
    return reader.folder / record.mask if isinstance(record.mask, str) else record.location.file


def _unreadable(file: Path, expected: str, error: Exception, record: SourceRecord) -> Problem:
    listing = record.location.file
    entry = "its line in labels.csv" if listing.name == "labels.csv" else f"its entry in {listing.name}"
    if not file.exists():
        return Problem(file, expected, MISSING, f"Put it there, or delete {entry}.", record.location)
    advice = "Replace or delete the file" + ("." if listing == file else f", and {entry}.")
    got = f"an error: {str(error).removeprefix(f'{file}: ').rstrip('.')}"
    return Problem(file, expected, got, advice, record.location)
