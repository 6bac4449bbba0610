"""Corrected masks as records, from each format of `camseg export` and as annotation tools return them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pipeline.base.problems import Location, Problem
from pipeline.data.corrections.labelstudio_results import read_brushes
from pipeline.data.names import after_background, means_background
from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources import coco
from pipeline.data.sources.detect import head
from pipeline.data.sources.documents import listed_classes
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_colours import read_labelmap
from pipeline.data.sources.records import ParsedSource, SourceRecord, stem

Format = Literal["png", "voc", "coco", "cvat", "labelstudio"]
CVAT_ZIP = "annotations.zip"  # in an export for CVAT
MASKS = "SegmentationClass"


def find_format(path: Path) -> Format:
    """What a folder or a JSON file is, by the names and the heads of its JSON; `png` where none fits."""
    if path.is_file():
        return "labelstudio" if head(path).startswith("[") else "coco"
    classes = _mask_folder(path)
    if classes is not None:
        return "cvat" if (classes.parent / "labelmap.txt").is_file() else "voc"
    heads = [head(file) for file in coco.json_files(path)]
    if any(text.startswith("{") for text in heads):
        return "coco"
    return "labelstudio" if any(text.startswith("[") for text in heads) else "png"


def read_corrections(path: Path, format: Format, classes: Sequence[str]) -> ParsedSource:
    """The masks of a folder, or of a JSON file, with the names of their ids; nothing is decoded yet.

    Args:
        classes: of the data set: the order of ids where the folder names none.
    """
    folder = path.parent if path.is_file() else path
    files = [path] if path.is_file() else coco.json_files(path)
    try:
        match format:
            case "png":
                below = path / "masks"
                return read_pngs(path, below if below.is_dir() else path, _order(path, classes))
            case "voc" | "cvat":
                masks = _mask_folder(path)
                if masks is None:
                    advice = "Give the folder that holds it, or name another --format."
                    raise BadEntry(Problem(path, f"a folder {MASKS}", "none", advice))
                return read_pngs(path, masks, _order(path, classes))
            case "coco":
                return _with_background(coco.read_files(folder, files))
            case "labelstudio":
                return read_brushes(folder, files)
    except BadEntry as error:
        return ParsedSource(path, problems=error.problems)


def read_pngs(
    folder: Path, masks: Path, names: Sequence[str], files: Sequence[str] | None = None
) -> ParsedSource:
    """A record for each PNG below `masks`, a folder in `folder`; ids count `names`.

    RGB masks have the colours of labelmap.txt beside or below `folder`; then the names in it count.

    Args:
        files: those of `masks` that are read; None: all.
    """
    problems: list[Problem] = []
    table = read_labelmap(masks.parent if masks.name == MASKS else folder, problems)
    below = "" if masks == folder else f"{masks.relative_to(folder).as_posix()}/"
    records = [
        SourceRecord(stem(name), name, (), Location(masks / name), mask=below + name)
        for name in (images_below(masks, problems) if files is None else files)
        if name.lower().endswith(".png")
    ]
    if table:
        names = [name for name in table if not means_background(name)]
    colours = {c: 0 if means_background(name) else names.index(name) + 1 for name, c in table.items()} or None
    names = tuple(names)
    return ParsedSource(folder, tuple(records), names, names, tuple(problems), masks, colours)


def _order(path: Path, classes: Sequence[str]) -> Sequence[str]:
    """The names of the masks' ids from 1: of classes.txt, else those of the data set.

    A background in the first line has the id 0, unless the data set has a class of that name.
    """
    names = listed_classes(path)
    return (names if set(names) <= set(classes) else after_background(names)) or classes


def _with_background(parsed: ParsedSource) -> ParsedSource:
    """Records without annotation as background: in a COCO file of masks, nothing else says that they are."""
    records = (r if r.mask or r.labels else replace(r, mask=()) for r in parsed.records)
    return replace(parsed, records=tuple(records))


def _mask_folder(path: Path) -> Path | None:
    """The folder SegmentationClass, up to two levels down."""
    folders = (folder for depth in ("", "*/", "*/*/") for folder in sorted(path.glob(depth + MASKS)))
    return next((folder for folder in folders if folder.is_dir()), None)
