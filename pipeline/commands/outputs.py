"""New folders for what a command writes: nothing that is there already is touched."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_new(out: Path) -> None:
    """Refuse a place that is taken.

    Raises:
        ValueError: `out` is there already and is not an empty folder.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "one with files" if out.is_dir() else "a file"
        raise ValueError(f"{out}: expected a new or an empty folder, got {what}. Name another one")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `out` when the body is through; else nothing is left.

    Raises:
        ValueError: see `check_new`.
    """
    check_new(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.", suffix=".part") as scratch:
        folder = Path(scratch) / "out"
        folder.mkdir()
        yield folder
        if out.exists():
            out.rmdir()
        folder.replace(out)
