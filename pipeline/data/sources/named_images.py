"""The one image that a list of images means."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources.listing import FileFinder
from pipeline.data.sources.splits import split_of_path


def find_image(folder: Path, reference: str, files: FileFinder, location: Location) -> str:
    """The one file that `reference` means, relative to the folder. Raises `BadEntry`."""
    found = only_image(folder, reference, files.find(reference), location)
    if found is None:
        expected = _expected(reference)
        raise BadEntry(Problem(folder, expected, "none", "Copy it there.", location, missing=True))
    return found


def only_image(
    folder: Path, reference: str, found: Sequence[str], location: Location, split: Split | None = None
) -> str | None:
    """The one of the files `found`; of several, that in the folders of `split`. None without any.

    Raises:
        BadEntry: several are left.
    """
    in_split = [name for name in found if split is not None and split_of_path(name) == split]
    found = in_split if len(found) > 1 and in_split else found
    if len(found) > 1:
        got, advice = f"{len(found)}: {listed(found)}", "Keep one of them, or write more of its path."
        raise BadEntry(Problem(folder, _expected(reference), got, advice, location))
    return found[0] if found else None


def _expected(reference: str) -> str:
    return f"one image for {reference[:200]!r}"
