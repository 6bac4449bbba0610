"""Unpacks zip files of strangers, within bounds and into one folder."""

import stat
import zipfile
import zlib
from pathlib import Path

from pipeline.base.files import safe_join, write_bytes
from pipeline.errors import UserError

MOST_FILES = 200_000
MOST_BYTES = 2_000_000_000  # of all files together, unpacked


def unpack_zip(file: Path, folder: Path) -> None:
    """Write the files of the zip `file` below `folder`, after all names and sizes are checked.

    Refused are broken and encrypted zips, links, names that leave `folder` or come twice, and zips above the
    bounds. No file gets more bytes than its entry says.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.filename.endswith("/")]
            _check(file, members, folder)
            for member in members:
                write_bytes(safe_join(folder, member.filename), archive.read(member))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{file}: expected a zip file, got {error}. Export it again") from error
    except OSError as error:  # a file and a folder of one name, a name that is too long, a full disk
        message = f"{file}: cannot be unpacked: {error.strerror}. Unpack it, and give the folder"
        raise UserError(message) from error


def _check(file: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or total > MOST_BYTES:
        raise UserError(
            f"{file}: expected at most {MOST_FILES} files of {MOST_BYTES / 1e6:.0f} MB together, got "
            f"{len(members)} of {total / 1e6:.0f} MB. Unpack it, and give the folder"
        )
    names = {folder}
    for member in members:
        link = stat.S_ISLNK(member.external_attr >> 16)
        try:
            path = safe_join(folder, member.filename)
        except ValueError:
            path = None
        if path is None or path in names or link:
            what = "a link" if link else "a name twice" if path in names else "a name that leaves it"
            raise UserError(f"{file}: expected files in one folder, got {what}: {member.filename[:200]!r}")
        names.add(path)
