"""The store of corrected masks: `NAME.png` for each sample, and `classes.txt` in the order of their ids."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.base.files import safe_join, write_bytes, write_lines
from pipeline.data.corrections.inspection import Corrections, inspect_corrections
from pipeline.data.corrections.read import read_pngs
from pipeline.data.images import IGNORE
from pipeline.data.manifest import Manifest
from pipeline.data.sources.documents import CLASS_LIST, listed_classes
from pipeline.data.sources.records import ParsedSource
from pipeline.errors import UserError


def read_store(folder: Path) -> ParsedSource:
    """The masks in `folder`, not yet decoded."""
    return read_pngs(folder, folder, listed_classes(folder))


def inspect_store(folder: Path, manifest: Manifest, max_megapixels: float) -> Corrections:
    """The masks in `folder` with the ids of the manifest, and their problems."""
    return inspect_corrections(read_store(folder), manifest, manifest.classes, max_megapixels)


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


def store_corrections(folder: Path, masks: Mapping[str, bytes], order: Sequence[str]) -> None:
    """Write or replace `NAME.png` for each mask; `order`: the classes in the order of the masks' ids."""
    write_lines(folder / CLASS_LIST, order)
    for name, content in masks.items():
        write_bytes(safe_join(folder, f"{name}.png"), content)


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
