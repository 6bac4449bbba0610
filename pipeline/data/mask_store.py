"""The only store of masks and predictions: a folder with a PNG for each sample, in files or in tar shards.

A folder of up to `MOST_FILES` masks holds `NAME.png`. A larger one holds the same bytes in uncompressed
`shard-00000.tar`, ... and `index.npz`, which tells where each of them lies: a file system handles thousands
of files better than millions. Readers need not know which it is.
"""

import io
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import safe_join, write_bytes
from pipeline.base.name_index import NameIndex, read_name_index, write_name_index
from pipeline.base.parallel import in_blocks
from pipeline.data.images import ImageError, Mask, read_mask

MOST_FILES = 20_000  # masks of a folder that are a file each


class Named(Protocol):
    """What has a mask: a sample, or an image to export."""

    @property
    def name(self) -> str: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...


@dataclass(frozen=True)
class MaskWriter:
    """Writes the masks of a folder, block by block; whoever writes which block, the bytes are the same."""

    folder: Path
    in_shards: bool

    def write(self, block: int, masks: Mapping[str, bytes]) -> None:
        """Write PNGs by the names of their samples; `block` is their number among the blocks of the folder.

        Raises:
            UserError: a name leaves the folder.
        """
        files = {safe_join(self.folder, f"{name}.png"): png for name, png in masks.items()}
        if self.in_shards:
            write_bytes(self._shard(block), _tar({f"{name}.png": png for name, png in masks.items()}))
        else:
            for file, png in files.items():
                write_bytes(file, png)

    def has(self, block: int, names: Sequence[str]) -> bool:
        """Whether all masks of a block are written."""
        if self.in_shards:
            return self._shard(block).exists()
        return all(safe_join(self.folder, f"{name}.png").exists() for name in names)

    def finish(self) -> None:
        """Write the index of the shards, after all blocks."""
        if self.in_shards:
            rows = [
                (member.name.removesuffix(".png"), number, member.offset_data, member.size)
                for number in range(len(list(self.folder.glob("shard-*.tar"))))
                for member in _members(self._shard(number))
            ]
            names, shards, starts, sizes = zip(*rows, strict=True)
            write_name_index(self.folder, names, shard=shards, start=starts, size=sizes)

    def _shard(self, number: int) -> Path:
        return tar_file(self.folder, number)


def mask_writer(folder: Path, count: int) -> MaskWriter:
    """The writer of a folder that will hold `count` masks."""
    return MaskWriter(folder, in_shards=count > MOST_FILES)


def write_masks(folder: Path, masks: Mapping[str, bytes]) -> None:
    """Write a whole folder: PNGs by the names of their samples."""
    writer = mask_writer(folder, len(masks))
    for number, names in enumerate(in_blocks(list(masks))):
        writer.write(number, {name: masks[name] for name in names})
    writer.finish()


def tar_file(folder: Path, shard: int) -> Path:
    """The path of shard number `shard`."""
    return folder / f"shard-{shard:05d}.tar"


def has_mask(folder: Path, sample: Named) -> bool:
    """Whether a folder of masks has that of `sample`."""
    index = _index(folder)
    return index.find(sample.name) is not None if index else mask_path(folder, sample).is_file()


def mask_png_of(folder: Path, sample: Named) -> bytes:
    """The bytes of the PNG of `sample` in a folder of masks.

    Raises:
        ImageError: there is none.
    """
    file, index = mask_path(folder, sample), _index(folder)
    try:
        if index is None:
            return file.read_bytes()
        found = index.find(sample.name)
        if found is not None:
            return _part(tar_file(folder, found["shard"]), found["start"], found["size"])
    except FileNotFoundError as error:
        raise ImageError(f"{file}: no such file") from error
    raise ImageError(f"{file}: no such file in the shards")


def load_mask(folder: Path, sample: Named) -> Mask:
    """The mask of `sample` in a folder of masks, uint8 (H, W).

    Raises:
        ImageError: there is none, it is unreadable, or it has more pixels than the image.
    """
    megapixels, content = sample.height * sample.width / 1e6, mask_png_of(folder, sample)
    return read_mask(mask_path(folder, sample), max_megapixels=megapixels, content=content)


def count_ids(folder: Path, samples: Sequence[Named]) -> NDArray[np.int64]:
    """Pixels of each id in the masks of `samples`, int64 (256,); threads decode the masks."""
    nothing = np.zeros(256, np.int64)

    def of_block(block: Sequence[Named]) -> NDArray[np.int64]:
        return sum((np.bincount(load_mask(folder, s).ravel(), minlength=256) for s in block), nothing)

    with ThreadPoolExecutor() as threads:
        return sum(threads.map(of_block, in_blocks(samples)), nothing)


def mask_path(folder: Path, sample: Named) -> Path:
    """Where the mask of `sample` lies in a folder of files; in one of shards, its name in messages.

    Raises:
        UserError: the name leaves the folder.
    """
    return safe_join(folder, f"{sample.name}.png")


def _index(folder: Path) -> NameIndex | None:
    """Where the masks lie in the shards; None for a folder of files."""
    try:
        return read_name_index(folder)
    except FileNotFoundError:
        return None


def _part(file: Path, start: int, size: int) -> bytes:
    with file.open("rb") as shard:
        shard.seek(start)
        return shard.read(size)


def _members(file: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(file, "r:") as archive:
        return archive.getmembers()


def _tar(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed archive; nobody's names and no dates, so that equal files make equal archives."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, png in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(png)
            archive.addfile(member, io.BytesIO(png))
    return content.getvalue()
