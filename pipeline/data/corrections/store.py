"""A store of drawn masks: `NAME.png` for each sample, and `classes.txt` in the order of their ids."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.base.files import safe_join, write_bytes, write_lines
from pipeline.data.corrections.inspection import Corrections, inspect_corrections
from pipeline.data.corrections.read import read_pngs
from pipeline.data.images import IGNORE
from pipeline.data.manifest import Manifest
from pipeline.data.sources.documents import CLASS_LIST, listed_classes
from pipeline.data.sources.records import ParsedSource
from pipeline.errors import UserError

REPLACED = ".replaced"  # in a store: the masks that others took the place of, as NAME-1.png, NAME-2.png, ...


class StoredCounts(NamedTuple):
    """What became of the masks that a store was given."""

    added: int
    replaced: int
    same: int  # as they lie there


def read_store(folder: Path) -> ParsedSource:
    """The masks in `folder`, not yet decoded."""
    return read_pngs(folder, folder, listed_classes(folder))


def inspect_store(
    folder: Path, manifest: Manifest, max_megapixels: float, *, scoring: bool = False
) -> Corrections:
    """The masks in `folder` with the ids of the manifest, as large as the samples, and their problems.

    `scoring` as for `inspect_corrections`.
    """
    store, classes = read_store(folder), manifest.classes
    return inspect_corrections(store, manifest, classes, max_megapixels, shrink=True, scoring=scoring)


def stored_classes(folder: Path, classes: Sequence[str]) -> list[str]:
    """The classes of `folder` in their order, then the new ones of the data set, if 8 bits hold them all."""
    known = listed_classes(folder)
    order = [*known, *(name for name in classes if name not in known)]
    if len(order) >= IGNORE:
        raise UserError(
            f"{folder / CLASS_LIST}: expected up to {IGNORE - 1} classes with those of the data set, got "
            f"{len(order)}. Export them (--masks corrected), empty the folder, and add them again"
        )
    return order


def store_corrections(folder: Path, masks: Mapping[str, bytes], order: Sequence[str]) -> StoredCounts:
    """Write `NAME.png` for each mask; one that it replaces stays below `REPLACED`.

    Args:
        order: the classes in the order of the masks' ids.
    """
    write_lines(folder / CLASS_LIST, order)
    before = {name: _stored(folder, name) for name in masks}
    for name, content in masks.items():
        old = before[name]
        if old is not None and old != content:
            keep_replaced(folder, name, old)
        if old != content:
            write_bytes(safe_join(folder, f"{name}.png"), content)
    added = sum(old is None for old in before.values())
    same = sum(before[name] == content for name, content in masks.items())
    return StoredCounts(added, len(masks) - added - same, same)


def keep_replaced(folder: Path, name: str, content: bytes) -> None:
    """Write the file of a mask that another one takes the place of below `REPLACED`."""
    write_bytes(_free_name(folder / REPLACED, name), content)


def _stored(folder: Path, name: str) -> bytes | None:
    file = safe_join(folder, f"{name}.png")
    return file.read_bytes() if file.is_file() else None


def _free_name(folder: Path, name: str) -> Path:
    files = (safe_join(folder, f"{name}-{number}.png") for number in itertools.count(1))
    return next(file for file in files if not file.exists())


def stored_names(folder: Path) -> list[str]:
    """The samples that have a mask in `folder`, sorted."""
    return sorted(record.name for record in read_store(folder).records)


def remove_corrections(folder: Path, names: Iterable[str]) -> None:
    """Delete the masks of these names, and folders that become empty."""
    for name in names:
        file = safe_join(folder, f"{name}.png")
        file.unlink()
        for above in file.parents:
            if above == folder or any(above.iterdir()):
                break
            above.rmdir()
