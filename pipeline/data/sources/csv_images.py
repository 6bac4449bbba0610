"""The files that the cells of a table of labels mean."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location
from pipeline.data.manifest import Split
from pipeline.data.sources.listing import FileFinder
from pipeline.data.sources.named_images import only_image
from pipeline.data.sources.records import check_image

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
        found = only_image(self.folder, cell, self._candidates(cell), location, split)
        if found is not None:
            return found
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
