"""Reads every image and mask of a folder once: what is wrong, what the manifest needs, working copies."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join, write_bytes
from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem
from pipeline.data.duplicates import difference_hash, thumbnail
from pipeline.data.image_facts import EIGHT_BITS, ImageFacts, examine_image
from pipeline.data.images import encode_jpeg
from pipeline.data.manifest import copy_path
from pipeline.data.source_masks import Reader, Surveyed, mask_file, survey_mask, unreadable
from pipeline.data.sources.records import SourceRecord


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
    surveyed: Surveyed | None = None  # the values in the mask, until `read_ids`
    ids: tuple[int, ...] | None = None  # in the mask, with 0 and 255; None: there is no mask
    pixels: tuple[int, ...] = ()  # of each of `ids`
    tiny: tuple[int, ...] = ()  # ids of few pixels in the working copy
    undrawn: str = ""  # why there is no mask though the source names one; its labels count
    hash: int = 0  # see `difference_hash`
    thumbnail: bytes = b""  # see `thumbnail`
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
        return DecodedFiles(problems=(unreadable(file, "a readable image", error, record),))
    image, size, facts = examined.image, examined.size, examined.facts
    small, grey = (image.height, image.width), image.convert("L")
    surveyed, undrawn = None, ""
    try:
        surveyed = survey_mask(reader, record, size, copies.max_side)
    except (ValueError, OSError, MemoryError) as error:  # labels are what counts
        undrawn = str(error).removeprefix(f"{mask_file(reader, record)}: ").rstrip(".")
    if copies.folder and small != size and not facts.stored:
        write_bytes(copy_path(copies.folder, record.name, smaller=True), encode_jpeg(np.asarray(image)))
    return DecodedFiles(
        sha256,
        size,
        small,
        surveyed=surveyed,
        undrawn=undrawn,
        hash=difference_hash(grey),
        thumbnail=thumbnail(grey),
        facts=facts,
    )
