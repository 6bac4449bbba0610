"""Reads every image and mask of a folder once: what is wrong, what the manifest needs, working copies."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join, write_bytes
from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem, listed
from pipeline.base.sizes import bounded_size
from pipeline.data.duplicates import difference_hash
from pipeline.data.image_facts import EIGHT_BITS, ImageFacts, examine_image
from pipeline.data.images import (
    IGNORE,
    Mask,
    encode_jpeg,
    id_counts,
    read_mask,
    resize_mask,
)
from pipeline.data.manifest import copy_path
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading
from pipeline.data.rasterise import rasterise
from pipeline.data.sources.records import SourceRecord
from pipeline.data.sources.spelling import MISSING
from pipeline.formats.palette import Colour

MUCH, TINY = 2, 16  # times that an image shrinks, pixels of a class: an object may be lost


@dataclass(frozen=True)
class Reader:
    """How the files of a folder are read."""

    folder: Path
    ids: int  # of the source's masks, without 0 and 255
    colours: Mapping[Colour, int] | None  # ids of RGB masks
    max_megapixels: float
    reading: ImageReading = AS_IT_IS  # of the images


@dataclass(frozen=True)
class WorkingCopies:
    """Smaller copies of the images whose longer side is above `max_side` pixels."""

    max_side: int
    folder: Path | None  # where they are written; None: nowhere


@dataclass(frozen=True)
class DecodedFiles:
    """What the image and the mask of one record hold."""

    sha256: str = ""  # of the image file
    original_size: tuple[int, int] = (0, 0)  # height and width in pixels, upright
    size: tuple[int, int] = (0, 0)  # of the working copy; without one, of the image
    ids: tuple[int, ...] | None = None  # in the mask, with 0 and 255; None: there is no mask
    tiny: tuple[int, ...] = ()  # ids of a few pixels in the working copy, see `tiny_ids`
    undrawn: str = ""  # why the outlines of the image make no mask; its labels count
    hash: int = 0  # see `difference_hash`
    problems: tuple[Problem, ...] = ()
    facts: ImageFacts = EIGHT_BITS


def decode_all(reader: Reader, copies: WorkingCopies, records: Sequence[SourceRecord]) -> list[DecodedFiles]:
    """The image and the mask of each record, decoded and compared, in the order of the records.

    Writes the working copy of each large image of 8 bits without problems.
    """
    function = partial(_decode, reader, copies)
    return parallel_map(function, records, description="reading images and masks")


def _decode(reader: Reader, copies: WorkingCopies, record: SourceRecord) -> DecodedFiles:
    file = reader.folder / record.image
    try:
        checked = safe_join(reader.folder, record.image)
        examined = examine_image(checked, copies.max_side, reader.max_megapixels, reader.reading)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    except (ValueError, OSError, MemoryError) as error:
        return DecodedFiles(problems=(_unreadable(file, "a readable image", error, record),))
    image, size, facts = examined.image, examined.size, examined.facts
    problems: list[Problem] = []
    mask = read_source_mask(reader, record, size, problems)
    undrawn = ""
    if isinstance(record.mask, tuple) and problems:  # labels are what counts
        got = problems[0].got
        undrawn = got.removeprefix("an error: ") if record.size in (None, size) else f"drawn for {got} pixels"
        problems = []
    ids = None if mask is None else tuple(np.flatnonzero(id_counts(mask)).tolist())
    tiny = () if mask is None else tiny_ids(mask, copies.max_side)
    unknown = [i for i in ids or () if reader.ids < i < IGNORE]
    if unknown:
        expected, got = f"ids 0..{reader.ids} or {IGNORE}", listed(unknown)
        advice = "Check the order and number of the classes (data.classes, classes.txt)."
        problems.append(Problem(_mask_file(reader, record), expected, got, advice, record.location))
    small = (image.shape[0], image.shape[1])
    if copies.folder and small != size and not problems and not facts.stored:
        write_bytes(copy_path(copies.folder, record.name, smaller=True), encode_jpeg(image))
    seen = difference_hash(image)
    return DecodedFiles(sha256, size, small, ids, tiny, undrawn, seen, tuple(problems), facts)


def tiny_ids(mask: Mask, max_side: int) -> tuple[int, ...]:
    """The ids of fewer than `TINY` pixels in a mask that shrinks more than `MUCH` times to `max_side`."""
    if max(mask.shape) <= MUCH * max_side:
        return ()
    counts = id_counts(resize_mask(mask, bounded_size(mask.shape[0], mask.shape[1], max_side)))
    return tuple(np.flatnonzero((id_counts(mask) > 0) & (counts < TINY)).tolist())


def read_source_mask(
    reader: Reader, record: SourceRecord, size: tuple[int, int], problems: list[Problem]
) -> Mask | None:
    """What `source_mask` returns; adds a problem where it fails, or where the mask is not of `size`."""
    file, mask = _mask_file(reader, record), None
    got = record.size or size if isinstance(record.mask, tuple) else size
    if got == size:  # else nothing is drawn: the size may be anything
        try:
            mask = source_mask(reader, record, size)
        except (ValueError, OSError, MemoryError) as error:
            problems.append(_unreadable(file, f"a mask for {record.name!r}", error, record))
        got = size if mask is None else mask.shape
    if got != size:
        expected = f"the {size[0]} x {size[1]} pixels (height x width) of {record.name!r}"
        advice = "Export the mask at the size of its upright image, without interpolation."
        problems.append(Problem(file, expected, f"{got[0]} x {got[1]}", advice, record.location))
    return mask


def source_mask(reader: Reader, record: SourceRecord, size: tuple[int, int]) -> Mask | None:
    """The mask of `record` with the ids of the source, uint8 (H, W); None if there is none.

    Args:
        size: of the image, height and width; outlines are drawn at this size.
    """
    match record.mask:
        case None:
            return None
        case str(name):
            file = safe_join(reader.folder, name)
            return read_mask(file, reader.colours, reader.max_megapixels) if file.exists() else None
        case shapes:
            return rasterise(shapes, size)


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
