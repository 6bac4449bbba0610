"""Files that are whole or absent, and paths that stay in their folder."""

import csv
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:[/\\]|(^|[/\\])\.\.($|[/\\])|\0")


def write_bytes(path: Path, content: bytes) -> None:
    """`write_parts` of one part."""
    write_parts(path, (content,))


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write `parts` to `path` so that a reader, a killed run or a lost machine never leaves half a file.

    Raises:
        OSError: it cannot be written; the message names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half, size = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part"), 0
    try:
        with half.open("xb") as file:
            for part in parts:
                size += len(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())  # else the name can reach the disk before the content does
        half.replace(path)
    except BaseException as error:
        half.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # of a full disk, say
            need = f"{error.strerror}, in writing {size / 1e6:.3f} MB"
            raise OSError(error.errno, need, str(path)) from error
        raise


def sync_folder(folder: Path) -> None:
    """Let what was renamed into `folder` reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` whole or not at all."""
    write_bytes(path, text.encode())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write UTF-8 `lines`, each with its end, whole or not at all."""
    write_text(path, "".join(f"{line}\n" for line in lines))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, compressed, without pickles."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def json_list(entries: Iterable[Any]) -> Iterator[bytes]:
    """A JSON list in parts: the bytes of `json.dumps`, but the entries need not be in memory together."""
    before = "["
    for entry in entries:
        yield (before + json.dumps(entry, ensure_ascii=False, allow_nan=False)).encode()
        before = ", "
    yield b"[]" if before == "[" else b"]"


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: expected JSON in UTF-8: {error}") from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header line."""
    return list(csv_rows(path))


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """`read_csv`, row after row: a file may hold more of them than the memory."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `rows` as CSV with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def remove_path(path: Path) -> None:
    """Remove a file, a folder with all that it holds, or a link but not what it leads to, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def recreate_dir(folder: Path) -> None:
    """Make `folder` an empty folder: nothing of an earlier run stays behind."""
    remove_path(folder)
    folder.mkdir(parents=True)


def note_if_empty(folder: Path, note: str) -> None:
    """Write `note` as `README.txt` if `folder` is empty: DVC warns of it wherever it is used."""
    if not any(folder.iterdir()):
        write_text(folder / "README.txt", f"{note}\n")


def check_inside(folder: Path, relative: str) -> None:
    """Refuse what `safe_join` refuses without a look at the disk: links are for it to see.

    Raises:
        UserError: `relative` is absolute, has a drive, climbs out with `..`, or is no name of a file.
    """
    if _OUTSIDE.search(relative):
        raise UserError(f"{relative!r} leaves the folder {folder}")


def safe_join(folder: Path, relative: str) -> Path:
    """`folder / relative`, if that does not leave `folder`.

    Raises:
        UserError: `relative` is absolute, climbs out with `..`, is a link to somewhere else or in a circle,
            or no name of a file.
    """
    path = folder / relative
    try:
        os.fsencode(relative)
        if not _OUTSIDE.search(relative) and not _is_below_link(folder, path):
            return path
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{relative!r} cannot be a file: {error}") from error
    if not resolved.is_relative_to(folder.resolve()):
        raise UserError(f"{relative!r} leaves the folder {folder}")
    return path


def _is_below_link(folder: Path, path: Path) -> bool:
    """Whether `path` or a folder between it and `folder` may be a link."""
    below = len(path.parts) - len(folder.parts)
    try:
        return any(part.is_symlink() for part in (path, *path.parents[: max(0, below - 1)]))
    except OSError:  # of a name that is too long
        return True
