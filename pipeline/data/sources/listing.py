"""The images below a folder, and how exports name them."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from unicodedata import normalize
from urllib.parse import unquote

from pipeline.base.files import safe_join
from pipeline.base.problems import Problem
from pipeline.data.images import SUFFIXES
from pipeline.data.problem_lists import warn_of

HIDDEN = "."  # names that start so: `.git`, and the `._photo.jpg` that a Mac leaves beside images
DEEPEST = 8  # folders that are compared
UPLOADED = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an uploaded file
TAKEN_OUT = re.compile(r"[^-\w./]")  # signs that it takes out of such a name; spaces become `_`


def images_below(folder: Path, problems: list[Problem], more: tuple[str, ...] = ()) -> list[str]:
    """Files with the suffix of an image, relative to `folder`, sorted; links that leave it are problems.

    Args:
        more: other suffixes, small letters with a dot.
    """
    images = []
    for name in sorted(_walk(folder, SUFFIXES + more)):
        file = folder / name
        if not file.is_symlink():
            images.append(name)
            continue
        try:
            safe_join(folder, name)
        except ValueError:
            advice = "Copy what it points to into the folder, or delete it."
            problems.append(Problem(file, f"a file in {folder}", "a link to elsewhere", advice))
            continue
        if file.is_dir():
            advice = "Replace the link by the folder, or delete it."
            problems.append(Problem(file, "a folder", "a link to one", advice))
        else:
            images.append(name)
    return images


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """Files that match `pattern` in the folder or one level down, sorted, without hidden ones."""
    found = sorted({*folder.glob(pattern), *folder.glob(f"*/{pattern}")})
    shown = [f for f in found if not any(p.startswith(HIDDEN) for p in f.relative_to(folder).parts)]
    return [file for file in shown if file.is_file()]


def is_text(name: str) -> bool:
    """Whether the bytes of a file's name are UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def ends(names: Iterable[str]) -> dict[str, list[str]]:
    """The files of each end of their paths: `a/b/c.jpg` is found as `c.jpg`, `b/c.jpg` and `a/b/c.jpg`.

    Accents count the same in one letter or two.
    """
    by_end: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts = PurePosixPath(name).parts
        for start in range(len(parts)):
            by_end[normalize("NFC", "/".join(parts[start:]))].append(name)
    return by_end


class FileFinder:
    """Finds files by how lists call them: by the longest end of a path, in any case, without suffix.

    A name without suffix means a file with any suffix. The name of a file that was uploaded to Label Studio
    has fewer signs. What was not found letter by letter is `said`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Args: names: files relative to their folder."""
        self.names = names
        self.by_end = ends(names)
        self._respelt: dict[str, str] = {}

    def find(self, reference: str) -> Sequence[str]:
        """The files that `reference` may mean; several where it is not clear."""
        found = locate(reference, self.by_end)
        if found:
            return found
        small = reference.casefold()
        found = next((f for by_end in self._readings if (f := locate(small, by_end))), ())
        if len(found) == 1:
            self._respelt[reference] = found[0]
        return found

    @cached_property
    def _readings(self) -> tuple[dict[str, list[str]], ...]:
        """By the ends of their small names: with suffix, without, uploaded. Most folders need none."""
        small = {name: name.casefold() for name in self.names}
        stems = {name: str(PurePosixPath(s).with_suffix("")) for name, s in small.items()}
        uploaded = {name: TAKEN_OUT.sub("", s.replace(" ", "_")) for name, s in small.items()}
        return _ends_of(small), _ends_of(stems), _ends_of(uploaded)

    def said(self, folder: Path) -> list[Problem]:
        """The warning on names that were found in another case or without suffix."""
        names = [f"{reference[:200]} ({file})" for reference, file in self._respelt.items()]
        expected, advice = "names as the files have them", "They are taken for the files in brackets."
        return warn_of(names, "spelt in another way", folder, expected, advice)


def _ends_of(readings: Mapping[str, str]) -> dict[str, list[str]]:
    """The files of each end of what they are read as."""
    files: dict[str, list[str]] = defaultdict(list)
    for name, reading in readings.items():
        files[reading].append(name)
    return {end: [n for r in found for n in files[r]] for end, found in ends(files).items()}


def locate(reference: str, by_end: dict[str, list[str]]) -> Sequence[str]:
    """The files that an export may mean by `reference`, a path of another machine or an address.

    The longest end of the path that files have decides. An uploaded file may have eight digits in front.
    """
    possible = list(_possible_ends(reference))
    longest = max((end for end in possible if end in by_end), key=len, default=None)
    if longest is not None:
        return by_end[longest]
    uploaded = (UPLOADED.sub("", end, count=1) for end in possible)
    return next((by_end[end] for end in uploaded if end in by_end), ())


def _possible_ends(reference: str) -> Iterable[str]:
    """The ends of a reference: read as a path, as an address, and as an address with a path behind `?d=`.

    Only an address writes `%20` for a space; in a path, `&` and `=` are letters like others.
    """
    address, _, query = reference.partition("?")
    readings = [re.split(r"[/\\]", reference), unquote(address.partition("#")[0]).split("/")]
    readings += [unquote(value).split("/") for value in re.split("[&=]", query)]
    for reading in readings:
        parts = [part for part in reading if part not in ("", ".", "..")]
        for start in range(max(0, len(parts) - DEEPEST), len(parts)):
            yield normalize("NFC", "/".join(parts[start:]))


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterable[str]:
    """Images and links to folders; links are not followed, and names that are no text left out."""
    for root, folders, files in os.walk(folder):
        below = Path(root).relative_to(folder)
        folders[:] = [name for name in folders if not name.startswith(HIDDEN) and is_text(name)]
        visible = [name for name in files if not name.startswith(HIDDEN) and is_text(name)]
        names = [name for name in visible if name.lower().endswith(suffixes)]
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in (*names, *links):
            yield (below / name).as_posix()
