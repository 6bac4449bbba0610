"""Segment maps that another tool made of the images, SAM for example: a file for each image."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import safe_join
from pipeline.base.problems import listed
from pipeline.data.manifest import Sample
from pipeline.data.mask_values import read_raw_mask, resize_raw
from pipeline.errors import UserError

SUFFIXES = ".png", ".npy"  # of 8 or 16 bits; whole numbers


def read_segments(folder: Path, sample: Sample) -> NDArray[np.int64]:
    """The segments of an image, numbered from 0 without gaps: (H, W) at the size at which stages read it.

    Pixels of one value are one segment, of 0 too.

    Raises:
        UserError: there is no file, or the map has another size than the image.
        ImageError: the file cannot be read as whole numbers.
    """
    file = segment_file(folder, sample)
    if file is None:
        raise UserError(missing_maps(folder, [sample]))
    height, width = sample.original_size
    raw = read_raw_mask(file, height * width / 1e6)
    known = (sample.height, sample.width), sample.original_size
    if raw.values.shape not in known:
        sizes = " or ".join(f"{h} x {w}" for h, w in dict.fromkeys(known))
        got = f"{raw.values.shape[0]} x {raw.values.shape[1]}"
        raise UserError(f"{file}: expected {sizes} pixels (height x width), as the image has, got {got}")
    numbers = np.unique(resize_raw(raw, known[0]).values, return_inverse=True)[1]
    return numbers.reshape(known[0]).astype(np.int64)


def check_segment_files(folder: Path, samples: Iterable[Sample]) -> None:
    """Raise `UserError` with the names of the images that have no segment map."""
    if missing := [sample for sample in samples if segment_file(folder, sample) is None]:
        raise UserError(missing_maps(folder, missing))


def segment_file(folder: Path, sample: Sample) -> Path | None:
    """`NAME.png` or `NAME.npy` of an image, whichever is there."""
    files = (safe_join(folder, sample.name + suffix) for suffix in SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def missing_maps(folder: Path, samples: list[Sample]) -> str:
    """What to do about images without a map."""
    names = listed([sample.name for sample in samples])
    return (
        f"pseudo_masks.segments.folder {folder}: expected NAME.png or NAME.npy for each training image with "
        f"labels, got none for {len(samples)}: {names}. Add them, or set the folder to null"
    )
