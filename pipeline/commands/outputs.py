"""Output folders of commands: new or empty before, whole or absent after; names in one never collide."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

from pipeline.base.files import recreate_dir
from pipeline.base.lock import held_lock
from pipeline.base.work_folder import digest
from pipeline.errors import UserError


def check_new(out: Path) -> None:
    """Refuse `out` if it exists and is not an empty folder."""
    if out.is_symlink() and not out.exists():
        raise UserError(f"{out}: expected a new or an empty folder, got a link to nothing. Name another one")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "one with files" if out.is_dir() else "a file"
        raise UserError(f"{out}: expected a new or an empty folder, got {what}. Name another one")


def distinct_names(names: Iterable[str], is_taken: Callable[[str], bool] = lambda _name: False) -> list[str]:
    """The names in their order, with a number behind each name that would overwrite an earlier one.

    Large and small letters count the same, as they do on some disks.

    Args:
        is_taken: whether something else has a name, in small letters.
    """
    distinct: dict[str, str] = {}
    for name in names:
        candidate, number = name, 2
        while candidate.casefold() in distinct or is_taken(candidate.casefold()):
            candidate, number = f"{name}-{number}", number + 1
        distinct[candidate.casefold()] = candidate
    return list(distinct.values())


@contextmanager
def writes_alone(out: Path) -> Iterator[None]:
    """One command of a person and machine at a time writes to `out`: else the files of two would be mixed.

    Raises:
        UserError: another process does.
    """
    name = digest(os.fsencode(out.resolve()))[:16]
    lock = Path(gettempdir()) / f"camseg-{os.getuid()}-{name}"  # nobody may open that of another person
    with held_lock(lock, f"{out}: another command writes to it"):
        yield


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the body ends; after an error nothing stays behind.

    It lies beside `out` as `.NAME.part`. The folder of a killed run is deleted first.
    """
    check_new(out)
    out = out.resolve()  # a link to an empty folder stays a link
    folder = out.parent / f".{out.name}.part"
    with writes_alone(out):
        recreate_dir(folder)
        try:
            yield folder
            if out.exists():
                out.rmdir()
            folder.replace(out)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
