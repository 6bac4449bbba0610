"""The files that the cells of a table of labels mean."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources.listing import FileFinder
from pipeline.data.sources.records import check_image
from pipeline.data.sources.splits import split_of_path

IMAGES = "images/"
WHOLE = re.compile(r"(\d+)\.0")  # as programs write the number of an image


class ImageFinder:
    """Finds images of a folder by what a table calls them."""

    def __init__(self, folder: Path, images: Sequence[str]) -> None:
        """Args: images: files relative to the folder, without masks."""
        self.folder = folder
        self.known = frozenset(images)
        self.base = IMAGES if (folder / "images").is_dir() else ""
        self.files = FileFinder(images)

    def find(self, cell: str, location: Location, split: Split | None) -> str:
        """The file relative to the folder; a file that is not there, as the cell has it.

        Raises:
            BadEntry: the cell names nothing, leaves the folder, or may mean several files.
        """
        exact = self.base + PurePosixPath(cell).as_posix()
        if exact in self.known:
            return exact
        found = self._candidates(cell)
        inside = [name for name in found if split and split_of_path(name) == split]
        found = inside if len(found) > 1 and inside else found
        if len(found) > 1:
            got, advice = f"{len(found)}: {listed(found)}", "Write its path, from the folder on."
            raise BadEntry(Problem(self.folder, f"one image for {cell[:200]!r}", got, advice, location))
        if found:
            return found[0]
        check_image(self.folder, cell, location, self.base)
        return exact

    def knows(self, cell: str) -> bool:
        """Whether the cell of a table may mean an image of the folder."""
        return self.base + cell in self.known or bool(self._candidates(cell))

    def _candidates(self, cell: str) -> Sequence[str]:
        """As any list calls files, else as a whole number."""
        if not cell:
            return ()
        number = WHOLE.fullmatch(cell)
        return self.files.find(cell) or (self.files.find(number.group(1)) if number else ())
