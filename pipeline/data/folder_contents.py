"""What else lies in a folder of data: files that are not read, and files that DVC cannot take."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Problem, listed
from pipeline.data.images import SUFFIXES, holds_image
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.listing import HIDDEN, is_text
from pipeline.data.sources.mask_pairs import ARRAYS
from pipeline.data.sources.records import SourceRecord

LONGEST = 230  # bytes of a name: masks, models and files in the making have longer ones
LIKE_MASK = re.compile(r"\.(?:png|jpg)/")  # of folders that masks and working copies may be called like
NOT_WALKED = (".git", ".hg", ".dvc")  # DVC leaves them out
LIKE_IMAGES = (
    *(".jp2", ".j2k", ".jpx", ".jxl", ".svg", ".psd", ".pdf", ".eps", ".ai", ".xcf"),
    *(".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".exr", ".hdr", ".tga", ".pcx"),
    *(".ico", ".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".fits"),
    *(".czi", ".lif", ".svs", ".ndpi", ".h5", ".hdf5", ".npz", ".mp4", ".avi", ".mov", ".mkv", ".webm"),
)
WRITTEN = (  # files of annotations and of their descriptions
    *(".csv", ".tsv", ".json", ".xml", ".txt", ".yaml", ".yml", ".names", ".data", ".cache", ".toml", ".cfg"),
    *(".md", ".rst", ".html", ".htm", ".py", ".ipynb", ".sh", ".log", ".db", ".ini", ".dvc", ".bib", ".doc"),
)
PLAIN = ("readme", "license", "licence", "copying", "makefile", "authors", "changelog", "citation")


def check_contents(folder: Path, records: Sequence[SourceRecord]) -> list[Problem]:
    """Errors for what DVC or the stages cannot take, and warnings that count files that nothing reads."""
    problems: list[Problem] = []
    unread: list[str] = []
    used = {file for record in records for file in (record.image, record.mask) if isinstance(file, str)}
    for file in _walk(folder):
        problem = _unusable(file)
        name = readable_name(file.relative_to(folder))
        if problem:
            problems.append(problem)
        elif name not in used and is_unread(name):
            unread.append(name)
    problems += [_too_long(folder / r.image) for r in records if is_too_long(r.image)]
    problems += _called_like_folders(folder, records)
    return problems + _said(folder, unread)


def is_unread(name: str) -> bool:
    """Whether a file is of a kind that camseg does not read, and no text beside data sets."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(HIDDEN) for part in path.parts)
    known = (*SUFFIXES, *ARRAYS, *WRITTEN)
    return not hidden and not name.lower().endswith(known) and path.stem.lower() not in PLAIN


def is_like_image(name: str) -> bool:
    """Whether a file looks like an image that camseg does not read."""
    return is_unread(name) and name.lower().endswith(LIKE_IMAGES)


def is_unnamed_image(file: Path) -> bool:
    """Whether the bytes of a file are those of an image that is read, and its name says nothing of it."""
    return is_unread(file.name) and not file.is_symlink() and file.is_file() and holds_image(file)


def is_closed(path: Path) -> bool:
    """Whether a path is a folder that may not be read: a walk passes it over without a word."""
    return path.is_dir() and not os.access(path, os.R_OK | os.X_OK)


def readable_name(name: Path) -> str:
    """The name with forward slashes; bytes that are no UTF-8 stand as `\\xe9`."""
    return os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")


def _walk(folder: Path) -> Iterator[Path]:
    """All files, also hidden ones, and links, which are not followed."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in NOT_WALKED)
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        unreadable = [name for name in folders if not is_text(name) or is_closed(Path(root) / name)]
        folders[:] = [name for name in folders if is_text(name)]
        for name in sorted({*files, *links, *unreadable}):
            yield Path(root) / name


def _unusable(file: Path) -> Problem | None:
    """The error of a file that the pipeline cannot take, or that stops DVC."""
    shown = Path(readable_name(file))
    if not is_text(file.name):
        advice = "Rename it: only such names can be written to the manifest."
        return Problem(shown, "a name in UTF-8", "other bytes", advice)
    if is_closed(file):
        advice = "Change its permissions, or move it away: what lies in it would be passed over."
        return Problem(shown, "a folder that may be read", "one that may not", advice)
    if file.name == ".dvcignore":
        advice = "Move or remove it, or give a folder below it: DVC takes none inside of data."
        return Problem(shown, "no .dvcignore in the folder of the data", "one", advice)
    if file.is_symlink() and not file.exists():
        return Problem(shown, "a file", "a link to nothing", "Remove it, or put the file there.")
    if not file.is_dir() and not stat.S_ISREG(file.stat().st_mode):
        advice = "Remove it: DVC would wait for it or fail."
        return Problem(shown, "files and folders alone", "a pipe, a socket or a device", advice)
    return None


def is_too_long(image: str) -> bool:
    """Whether the name of a file or of a folder above it is longer than masks and predictions can take."""
    return any(len(part.encode("utf-8", "replace")) > LONGEST for part in PurePosixPath(image).parts)


def _too_long(file: Path) -> Problem:
    longest = max(len(part.encode("utf-8", "replace")) for part in file.parts)
    advice = "Give it a shorter name: masks and predictions are called like it."
    return Problem(file, f"a name of at most {LONGEST} bytes", f"{longest}", advice)


def _called_like_folders(folder: Path, records: Sequence[SourceRecord]) -> list[Problem]:
    """Errors for images whose masks would be called like a folder: `x.jpg` beside `x.png/y.jpg`."""
    folders = {
        record.name[: match.start()]: record.name[: match.end()]
        for record in records
        for match in LIKE_MASK.finditer(record.name)
    }
    expected = "images whose masks are not called like a folder"
    advice = "Rename the image or the folder: masks are called like images, and so are working copies."
    return [
        Problem(folder / record.image, expected, f"the folder {folders[record.name]}", advice)
        for record in records
        if record.name in folders
    ]


def _said(folder: Path, unread: Sequence[str]) -> list[Problem]:
    """Warnings on files that look like images, and on others."""
    like = [name for name in unread if is_like_image(name)]
    unnamed = [name for name in unread if not is_like_image(name) and is_unnamed_image(folder / name)]
    told = {*like, *unnamed}
    others = [name for name in unread if name not in told]
    kinds = Counter(PurePosixPath(name).suffix.lower() or "without suffix" for name in others)
    counts = listed([f"{count} {kind}" for kind, count in sorted(kinds.items())])
    advice = "They are left out. Save them as PNG, JPEG or TIFF to use them."
    rename = "They are left out. Rename them, as NAME.jpg, to use them."
    return [
        *warn_of(like, "that look like images", folder, "images of kinds that are read", advice),
        *warn_of(unnamed, "without it", folder, "the suffix of its kind in the name of each image", rename),
        *warn_of(others, f"others ({counts})", folder, "files that are read", "They are left out."),
    ]
