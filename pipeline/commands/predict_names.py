"""Which files `camseg predict` predicts, under which names, and which it names and leaves out."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import printable
from pipeline.commands.outputs import distinct_names
from pipeline.data.folder_contents import (
    LONGEST,
    is_closed,
    is_like_image,
    is_too_long,
    is_unnamed_image,
    readable_name,
)
from pipeline.data.images import SUFFIXES
from pipeline.data.sources.documents import CLASS_LIST
from pipeline.data.sources.listing import HIDDEN, is_text
from pipeline.errors import UserError

WRITTEN = (".png", ".tif", ".json", ".geojson", ".txt")  # suffixes of what is written for an image


def name_images(arguments: Sequence[Path], out: Path) -> dict[str, Path]:
    """The file for each output name, in the order of the arguments.

    The name is the stem of the file; for a file in a folder, with the sub-folders. Equal names are numbered,
    and names of which a file would be called like a folder of others, or like the list of the classes.
    """
    names, files = [], []
    for argument in arguments:
        for file in find_images(argument, out) if argument.is_dir() else [argument]:
            if not _has_text_name(file) or is_like_image(file.name) or is_too_long(file.name):
                continue  # see `unread_files`
            relative = file.relative_to(argument) if argument.is_dir() else Path(file.name)
            names.append(relative.with_suffix("").as_posix() if relative.name else "image")
            files.append(file)
    others = {str(folder).casefold() for name in names for folder in PurePosixPath(name).parents} | {
        CLASS_LIST
    }
    distinct = distinct_names(names, lambda name: any(name + suffix in others for suffix in WRITTEN))
    return dict(zip(distinct, files, strict=True))


def find_images(folder: Path, out: Path) -> list[Path]:
    """The image files of a folder and its sub-folders, sorted; without hidden ones and those in `out`."""
    files = [f for f in _files_below(folder, out) if f.suffix.lower() in SUFFIXES and _has_text_name(f)]
    if is_closed(folder):
        raise UserError(f"{folder}: expected a folder that may be read. Change its permissions")
    if not files:
        raise UserError(f"{folder}: expected images ({', '.join(SUFFIXES)}), got none. Check the folder")
    return files


def unread_files(arguments: Sequence[Path], out: Path) -> list[str]:
    """Files that are not predicted, and closed folders, each with the reason."""
    files = [f for a in arguments for f in (_files_below(a, out) if a.is_dir() else [a])]
    lines, given = [], set(arguments)
    for file in files:
        name = readable_name(file)
        if not _has_text_name(file):
            lines.append(f"{name}: expected a name in UTF-8. Rename it")
        elif is_closed(file):
            lines.append(f"{name}: expected a folder that may be read. Change its permissions")
        elif is_too_long(file.name) and (file in given or file.suffix.lower() in SUFFIXES):
            lines.append(f"{name}: expected a name of at most {LONGEST} bytes. Give it a shorter name")
        elif is_like_image(file.name):
            lines.append(f"{name}: not a kind of image that is read. Save it as PNG, JPEG or TIFF")
        elif file not in given and is_unnamed_image(file):
            lines.append(f"{name}: expected the suffix of its kind. Rename it, as {name}.jpg")
    return [printable(line) for line in lines]


def _files_below(folder: Path, out: Path) -> list[Path]:
    written, root = out.resolve(), folder.resolve()
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*"))]
    return [
        folder / name
        for name in names
        if not any(part.startswith(HIDDEN) for part in name.parts)
        and not (root / name).is_relative_to(written)
        and (is_closed(folder / name) or not (folder / name).is_dir())
    ]


def _has_text_name(file: Path) -> bool:
    return is_text(file.as_posix())
