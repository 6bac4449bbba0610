"""The digest of the code of each stage: DVC sees files only, and the code may lie anywhere.

So may the file of weights that params.yaml names for a stage: its digest stands behind those of the code.
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline.base.files import write_text
from pipeline.base.imports import OF_NO_CONSEQUENCE, ROOT, imported_files
from pipeline.base.work_folder import digest, file_digest

STAGES = "stages"  # the folder of the package with a module for each stage
OWN = "code"  # the stage that writes the digests: it changes no result


def write_code_digests(folder: Path, weights: Mapping[str, Path]) -> None:
    """Write `folder/STAGE.txt` for each stage but `code`; a file that says so already stays untouched.

    Args:
        weights: the file of weights that a stage reads, by the stage.
    """
    for module in sorted((ROOT / STAGES).glob("*.py")):
        if module.stem != OWN and f"{STAGES}/{module.name}" not in OF_NO_CONSEQUENCE:
            file, text = folder / f"{module.stem}.txt", code_digest(module)
            if read := weights.get(module.stem):
                text += f"{file_digest(read)} {read.as_posix()}\n"
            if not file.is_file() or file.read_text(encoding="utf-8") != text:
                write_text(file, text)


def code_digest(module: Path) -> str:
    """A line `SHA-256 PATH` for each file that `imported_files` finds, sorted by the path in the package."""
    return "".join(f"{digest(content)} {name}\n" for name, content in imported_files(module).items())
