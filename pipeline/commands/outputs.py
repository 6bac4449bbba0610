"""New folders for what a command writes: nothing that is there already is touched."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.base.files import recreate_dir
from pipeline.errors import UserError


def check_new(out: Path) -> None:
    """Refuse a place that is taken.

    Raises:
        ValueError: `out` is there already and is not an empty folder.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "one with files" if out.is_dir() else "a file"
        raise UserError(f"{out}: expected a new or an empty folder, got {what}. Name another one")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `out` when the body is through; else nothing is left.

    It lies beside `out` as `.NAME.part`. That of a run which was killed is deleted first.

    Raises:
        ValueError: see `check_new`.
    """
    check_new(out)
    out = out.resolve()  # a link to an empty folder stays a link
    folder = out.parent / f".{out.name}.part"
    recreate_dir(folder)
    try:
        yield folder
        if out.exists():
            out.rmdir()
        folder.replace(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
