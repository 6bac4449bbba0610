"""Files that are whole or absent, and paths that stay in their folder."""

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, or a killed run, never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, compressed, without pickles."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `rows` as CSV with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def renew(folder: Path) -> None:
    """Make `folder` an empty folder: nothing of an earlier run stays behind."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`, if that does not leave `folder`.

    Raises:
        ValueError: `relative` is absolute, climbs out with `..`, is a link to somewhere else or in a circle,
            or no name of a file.
    """
    path = folder / relative
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{relative!r} cannot be a file: {error}") from error
    if not resolved.is_relative_to(folder.resolve()):
        raise ValueError(f"{relative!r} leaves the folder {folder}")
    return path
