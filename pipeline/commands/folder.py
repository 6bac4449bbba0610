"""Inspection of a folder on the command line, for `check` and `use`."""

from pathlib import Path

from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.params import Params


def inspect_for(path: Path, params: Params, workers: int | None = None) -> Inspection:
    """Inspect `path` as `prepare` would; data.classes count only if it is the folder of data.path."""
    data = params.data
    if not is_current(path, params):
        data = data.model_copy(update={"classes": None, "rename": {}})
    return inspect_folder("csv", path, data, params.seed, workers)


def is_current(path: Path, params: Params) -> bool:
    """Whether `path` is the folder that params.yaml names."""
    return path.resolve() == Path(params.data.path).resolve()


def problem_lines(found: Inspection) -> list[str]:
    """Errors, then warnings, one line each."""
    return [f"error: {line}" for line in found.errors] + [f"warning: {line}" for line in found.warnings]
