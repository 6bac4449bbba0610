"""The resumable work folder of a long stage.

DVC deletes the outs of a stage before it runs, so unfinished work lives in `.work/<stage>/<fingerprint>/`,
item by item, each written whole. The fingerprint covers all that the result depends on: a run that was
killed goes on only with work that is exactly its own.
"""

import hashlib
import shutil
from functools import cache
from pathlib import Path

import pipeline
from pipeline.base.files import remove, sync_folder

WORK = Path(".work")


def work_folder(stage: str, *parts: object) -> Path:
    """The folder for unfinished work of `stage`, made if it is missing.

    Args:
        stage: name of the stage, with its matrix value where it has one.
        parts: all that decides the result besides the code: params by their `repr`, a `Path` by content.
    """
    digest = hashlib.sha256(code_digest().encode())
    for part in parts:
        digest.update(file_digest(part).encode() if isinstance(part, Path) else repr(part).encode())
    folder = WORK / stage / digest.hexdigest()[:16]
    for half in folder.rglob(".*.part"):  # of a run killed in the middle of `write_bytes`; else published
        half.unlink()
    if folder.is_dir() and any(folder.iterdir()):
        print(f"{stage}: goes on with the work of an interrupted run in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def publish(stage: str, folders: dict[Path, Path]) -> None:
    """Move each finished folder (key) to its place among the outs (value), then clear the work of `stage`.

    A link at that place is replaced; what it leads to stays as it is.
    """
    for source, target in folders.items():
        remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
        sync_folder(target.parent)
    shutil.rmtree(WORK / stage)


@cache
def code_digest() -> str:
    """SHA-256 over all modules of the package."""
    root = Path(pipeline.__path__[0])
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of all the files below a folder with their names."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file_path in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(file_path.relative_to(path).as_posix().encode() + file_digest(file_path).encode())
    return digest.hexdigest()
