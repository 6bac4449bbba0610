"""The folder where a stage keeps unfinished work for the next run: `.work/<stage>/<fingerprint>/`."""

import hashlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from pipeline.base.files import read_json, remove_path, sync_folder, write_json
from pipeline.base.imports import imported_files
from pipeline.base.job_part import job_part

T = TypeVar("T")

WORK = Path(".work")


def work_folder(stage: str, module: str, **parts: Any) -> Path:
    """The folder for unfinished work of `stage`, made if it is missing.

    Args:
        stage: name of the stage, with its matrix value where it has one.
        module: `__file__` of the stage: the result depends on the code of all that it imports.
        parts: all else that decides the result: values that JSON has, sections of the params, and a `Path`
            for the content of the file or folder.
    """
    folder = WORK / stage / fingerprint(module, parts)
    if job_part() is None:  # else other parts are writing theirs
        for half in folder.rglob(".*.part"):  # of a run killed in the middle of `write_bytes`; else published
            half.unlink()
    if folder.is_dir() and any(folder.iterdir()):
        print(f"{stage}: goes on with the work of an interrupted run in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def once(file: Path, find: Callable[[], T]) -> T:
    """What `find()` returns, a value of JSON; who goes on reads it from `file`, in the work folder."""
    if not file.exists():
        write_json(file, find())
    known: T = read_json(file)
    return known


def publish(stage: str, folders: dict[Path, Path]) -> None:
    """Move each finished folder (key) to its place among the outs (value), then clear the work of `stage`.

    A link at that place is replaced; what it leads to stays as it is.
    """
    for source, target in folders.items():
        remove_path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
        sync_folder(target.parent)
    shutil.rmtree(WORK / stage)


def fingerprint(module: str, parts: dict[str, Any]) -> str:
    """16 hexadecimal digits of all that a result depends on; see `work_folder`."""
    code = {path: digest(content) for path, content in imported_files(Path(module)).items()}
    # As JSON, each part has its name and its end: no two lists of parts are written alike.
    return digest(json.dumps([code, parts], sort_keys=True, default=_plain).encode())[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of all the files below a folder with their names."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(p for p in path.rglob("*") if p.is_file())
    names = [file.relative_to(path).as_posix() for file in files]
    with ThreadPoolExecutor() as threads:
        return digest(json.dumps(list(zip(names, threads.map(file_digest, files), strict=True))).encode())


def digest(content: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _plain(part: object) -> object:
    """What JSON has in the place of a part that it does not have."""
    match part:
        case Path():
            return {"sha256": file_digest(part)}
        case BaseModel():
            return part.model_dump(mode="json")
    raise TypeError(f"Expected a value of JSON, a section of the params or a Path, got {part!r}")
