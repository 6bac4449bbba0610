"""Inspection of a folder on the command line, for `check` and `use`."""

import argparse
from pathlib import Path
from typing import get_args

from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.data.sources.parse import detect_source
from pipeline.params import Params, Source


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the option `--source`."""
    parser.add_argument(
        "--source", choices=get_args(Source), help="what the folder is (default: found out by what is in it)"
    )


def source_of(path: Path, params: Params, forced: Source | None = None) -> Source:
    """The kind of the folder: `forced`, else that of params.yaml if it is its folder, else found out."""
    configured = params.data.source
    if forced is not None or not is_current(path, params) or configured == "scenes":
        return forced or detect_source(path)
    return configured


def inspect_for(source: Source, path: Path, params: Params, workers: int | None = None) -> Inspection:
    """Inspect `path` as `prepare` would; data.classes and data.rename belong to the folder of data.path."""
    data = params.data
    if not is_current(path, params):
        data = data.model_copy(update={"classes": None, "rename": {}})
    return inspect_folder(source, path, data, params.seed, workers)


def is_current(path: Path, params: Params) -> bool:
    """Whether `path` is the folder that params.yaml names."""
    return path.resolve() == Path(params.data.path).resolve()


def problem_lines(found: Inspection) -> list[str]:
    """Errors, then warnings, one line each."""
    return [f"error: {line}" for line in found.errors] + [f"warning: {line}" for line in found.warnings]
