"""Broken and hostile image files of more than 8 bits: each is read or refused by name.

`CAMSEG_FUZZ=1000 pytest tests/data/test_fuzz_images.py` tries so many inputs of each kind.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.data.images import ImageError, image_format, image_size, read_image
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.pixels.tiff_file import is_georeferenced
from tests.data import test_dicom

COUNT = int(os.environ.get("CAMSEG_FUZZ", "25"))
FUZZ = settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))
SLOW = 5  # seconds
GREY = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 5
STACK = np.stack([GREY, GREY + 1, GREY + 2])
READINGS = st.sampled_from(
    [ImageReading(), ImageReading(bands=(1,)), ImageReading(bands=(3, 2, 1)), ImageReading(frame=2)]
)
NUMBERS = st.sampled_from([0, 1, 2, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1])


def tiff(**options: object) -> Callable[[Path], object]:
    array = options.pop("array", STACK)
    return lambda file: tifffile.imwrite(file, array, **options)  # type: ignore[arg-type]


KINDS: dict[str, Callable[[Path], object]] = {
    "stack": tiff(photometric="minisblack"),
    "tiles": tiff(array=GREY, tile=(16, 16), compression="zlib", predictor=True, photometric="minisblack"),
    "lzw": tiff(array=np.dstack([GREY] * 4), compression="lzw", photometric="rgb", extrasamples=[2]),
    "planes": tiff(array=STACK.astype(np.float32), photometric="rgb", planarconfig="separate"),
    "big": tiff(array=GREY.astype(np.int32), bigtiff=True, byteorder=">", photometric="miniswhite"),
    "ome": tiff(array=STACK[None], ome=True, metadata={"axes": "ZCYX"}, photometric="minisblack"),
    "imagej": tiff(array=STACK, imagej=True, metadata={"axes": "CYX"}),
    "jpeg": tiff(
        array=np.dstack([(GREY // 16).astype(np.uint8)] * 3),
        tile=(16, 16),
        compression="jpeg",
        photometric="rgb",
    ),
    "png": lambda file: file.write_bytes(cv2.imencode(".png", np.dstack([GREY] * 3))[1].tobytes()),
}
if find_spec("pydicom"):
    KINDS |= {
        "dicom": lambda file: test_dicom.write(file, GREY, RescaleSlope=2, WindowCenter=50, WindowWidth=90),
        "dicom colours": lambda file: test_dicom.write(file, np.dstack([GREY.astype(np.uint8)] * 3)),
        "dicom frames": lambda file: test_dicom.write(file, STACK, frames=3, preamble=False),
    }

EDITS = st.lists(st.tuples(st.floats(0, 0.9999), NUMBERS, st.sampled_from([1, 2, 4])), max_size=8)


def says_its_name(read: Callable[[Path], object], file: Path) -> bool:
    """Whether `file` is read, or named in the error; other errors are raised."""
    try:
        read(file)
    except ImageError as error:
        return file.name in str(error)
    return True


@pytest.mark.parametrize("kind", KINDS)
@given(edits=EDITS, length=st.none() | st.floats(0, 1), reading=READINGS, near=st.booleans())
@FUZZ
def test_broken_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    edits: list[tuple[float, int, int]],
    length: float | None,
    reading: ImageReading,
    near: bool,
) -> None:
    file = tmp_path_factory.getbasetemp() / ("a.dcm" if kind.startswith("dicom") else "a.tif")
    KINDS[kind](file)
    content = bytearray(file.read_bytes())
    for place, number, width in edits:
        at = int(
            place * (min(len(content), 600) if near else len(content))
        )  # headers, and often tags at the end
        content[at : at + width] = (number & (256**width - 1)).to_bytes(width, sys.byteorder)
    file.write_bytes(content[: None if length is None else int(length * len(content))])
    start = time.monotonic()
    for read in (lambda f: read_image(f, 1, reading), image_size, image_format):
        assert says_its_name(read, file)
    is_georeferenced(file)
    assert time.monotonic() - start < SLOW


@pytest.mark.parametrize("tag", [256, 257, 258, 273, 277, 278, 279, 322, 323])
@pytest.mark.parametrize("number", [0, 2**16 - 1, 2**32 - 1])
def test_tags_that_ask_for_much(tmp_path: Path, tag: int, number: int) -> None:
    file = tmp_path / "a.tif"
    tiled = {"tile": (16, 16)} if tag in (322, 323) else {}
    tifffile.imwrite(file, GREY, photometric="minisblack", **tiled)
    with tifffile.TiffFile(file, mode="r+") as opened:
        entry = opened.pages[0].tags.get(tag) or opened.pages[0].tags[324 if tag == 273 else 325]
        opened.filehandle.seek(entry.offset + 8)
        opened.filehandle.write(number.to_bytes(4, "little"))
    start = time.monotonic()
    assert says_its_name(lambda f: read_image(f, 1), file)
    assert time.monotonic() - start < SLOW
