"""The masks of a source's records: files of any encoding, files of one class each, and outlines."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join
from pipeline.base.problems import Problem
from pipeline.base.sizes import bounded_size
from pipeline.data.images import IGNORE, ImageError, Mask, read_mask
from pipeline.data.mask_encoding import MaskEncoding, decode_mask
from pipeline.data.mask_values import MaskValues, RawMask, count_values, read_raw_mask, resize_raw
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading
from pipeline.data.rasterise import draw_over, rasterise
from pipeline.data.sources.records import ClassMask, Shape, SourceRecord
from pipeline.data.sources.spelling import MISSING
from pipeline.formats.palette import Colour

MUCH = 2  # times that an image shrinks: an object may be lost


@dataclass(frozen=True)
class Reader:
    """How the files of a folder are read."""

    folder: Path
    ids: int  # of the source's masks, without 0 and 255
    colours: Mapping[Colour, int] | None  # ids of RGB masks
    max_megapixels: float
    mask_key: str | None = None  # of arrays in .mat files
    encoding: MaskEncoding | None = None  # None: ids, or colours of `colours`
    own: Mapping[str, int] = field(default_factory=dict)  # by name of the record, the id of its only label
    reading: ImageReading = AS_IT_IS  # of the images

    def of(self, names: Iterable[str]) -> "Reader":
        """The reader of these records alone: small enough to hand to a worker."""
        return replace(self, own={name: self.own[name] for name in names if name in self.own})


@dataclass(frozen=True)
class Surveyed:
    """The values in the files of a mask, or the ids of its outlines."""

    files: tuple[MaskValues, ...]
    small: tuple[MaskValues, ...]  # at the size of the working copy, where the mask shrinks much


def source_mask(reader: Reader, record: SourceRecord, size: tuple[int, int]) -> Mask | None:
    """The mask of `record` with the ids of the source, uint8 (H, W); None if there is none.

    Args:
        size: of the image, height and width; outlines are drawn at this size.
    """
    if is_drawn(record):
        return _drawn_mask(record, size)
    if reader.encoding is None:
        file = safe_join(reader.folder, str(record.mask)) if record.mask else None
        return read_mask(file, reader.colours, reader.max_megapixels) if file and file.exists() else None
    raw = _raw_masks(reader, record)
    if not raw:
        return None
    if isinstance(record.mask, str):
        return decode_mask(reader.encoding, raw[0], reader.own.get(record.name, IGNORE))
    mask = np.zeros(raw[0].values.shape, np.uint8)
    for part, pixels in zip(_class_masks(record), raw, strict=True):
        drawn = decode_mask(reader.encoding, pixels, part.class_id) == part.class_id
        draw_over(mask, drawn, part.class_id)
    return mask


def read_source_mask(
    reader: Reader, record: SourceRecord, size: tuple[int, int], problems: list[Problem]
) -> Mask | None:
    """What `source_mask` returns; adds a problem where it fails, or where the mask is not of `size`."""
    file, mask = mask_file(reader, record), None
    got = record.size or size if is_drawn(record) else size
    if got == size:  # else nothing is drawn: the size may be anything
        try:
            mask = source_mask(reader, record, size)
        except (ValueError, OSError, MemoryError) as error:
            problems.append(unreadable(file, f"a mask for {record.name!r}", error, record))
        got = size if mask is None else mask.shape
    if got != size:
        expected = f"the {size[0]} x {size[1]} pixels (height x width) of {record.name!r}"
        advice = "Export the mask at the size of its upright image, without interpolation."
        problems.append(Problem(file, expected, f"{got[0]} x {got[1]}", advice, record.location))
    return mask


def survey_mask(
    reader: Reader, record: SourceRecord, size: tuple[int, int], max_side: int
) -> Surveyed | None:
    """The values in the mask of `record`; None if there is none.

    Raises:
        ImageError: the mask has not the `size` of its image; or another error of a file that cannot be read.
    """
    if is_drawn(record):
        _check_size(record.size or size, size)
        raw = [RawMask(_drawn_mask(record, size))]
    else:
        raw = _raw_masks(reader, record)
    for mask in raw:
        _check_size((mask.values.shape[0], mask.values.shape[1]), size)
    if not raw:
        return None
    small = bounded_size(*size, max_side)
    shrunk = [count_values(resize_raw(m, small)) for m in raw] if max(size) > MUCH * max_side else []
    return Surveyed(tuple(map(count_values, raw)), tuple(shrunk))


def mask_file(reader: Reader, record: SourceRecord) -> Path:
    """The file of a mask, or that of its outlines."""
    return reader.folder / record.mask if isinstance(record.mask, str) else record.location.file


def unreadable(file: Path, expected: str, error: Exception, record: SourceRecord) -> Problem:
    """The problem of a file that is not there, or that cannot be read."""
    listing = record.location.file
    entry = "its line in labels.csv" if listing.name == "labels.csv" else f"its entry in {listing.name}"
    if not file.exists():
        return Problem(file, expected, MISSING, f"Put it there, or delete {entry}.", record.location)
    advice = "Replace or delete the file" + ("." if listing == file else f", and {entry}.")
    got = f"an error: {str(error).removeprefix(f'{file}: ').rstrip('.')}"
    return Problem(file, expected, got, advice, record.location)


def is_drawn(record: SourceRecord) -> bool:
    """Whether the mask of a record consists of outlines, or of none: then all is background."""
    return isinstance(record.mask, tuple) and not _class_masks(record)


def _class_masks(record: SourceRecord) -> list[ClassMask]:
    """The files of one class each that the mask of a record consists of."""
    return [part for part in record.mask or () if isinstance(part, ClassMask)]


def _check_size(got: tuple[int, int], size: tuple[int, int]) -> None:
    if got != size:
        drawn, wanted = f"{got[0]} x {got[1]}", f"{size[0]} x {size[1]}"
        raise ImageError(f"drawn for {drawn} pixels (height x width), the image has {wanted}")


def _drawn_mask(record: SourceRecord, size: tuple[int, int]) -> Mask:
    """The ids of the outlines of a record."""
    return rasterise([shape for shape in record.mask or () if isinstance(shape, Shape)], size)


def _raw_masks(reader: Reader, record: SourceRecord) -> list[RawMask]:
    """The pixels of the files of a mask, as they are stored; empty where there is no file."""
    names = [record.mask] if isinstance(record.mask, str) else [part.file for part in _class_masks(record)]
    files = [safe_join(reader.folder, name) for name in names]
    if isinstance(record.mask, str) and not files[0].exists():
        return []
    return [read_raw_mask(file, reader.max_megapixels, reader.mask_key) for file in files]
