"""Writes the 8-bit working copies of images that PIL alone does not read."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.base.files import write_bytes
from pipeline.base.parallel import parallel_map
from pipeline.data.images import encode_jpeg, read_shrunk_image, write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import DataParams


def write_copies(manifest: Manifest, samples: Sequence[Sample], data: DataParams, folder: Path) -> None:
    """Write the copy of each of `samples` to `folder`: a PNG at its size, else a JPEG."""
    if samples:
        function = partial(_write_copy, manifest.without_samples(), data, folder)
        parallel_map(function, samples, description="writing 8-bit copies")


def _write_copy(manifest: Manifest, data: DataParams, folder: Path, sample: Sample) -> None:
    file = manifest.original(sample)
    image, size = read_shrunk_image(file, data.max_side, data.max_megapixels, manifest.reading)
    copy = sample.copy_in(folder)
    if image.shape[:2] == size:
        write_image(copy, image)
    else:
        write_bytes(copy, encode_jpeg(image))
