"""Reads and inspects the folder that `camseg check` and `camseg use` are given."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from pipeline.base.parallel import worker_count
from pipeline.commands.memory import memory_warning
from pipeline.data.corrections.inspection import Corrections
from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.data.sources.parse import detect_source
from pipeline.params import Params, Source


def add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", choices=get_args(Source), help="the format of the folder (default: camseg finds it out)"
    )


def inspect_source(path: Path, params: Params, source: Source | None) -> tuple[Source, Inspection]:
    """The format of the folder, and the inspection that `prepare` would make.

    The format is `source`, else that in params.yaml if params.yaml names the folder, else the detected one.
    data.classes, data.rename and data.background belong to the folder of data.path alone. Warns before the
    memory runs out.
    """
    current, data = is_current(path, params), params.data
    if source is None:
        source = data.source if current and data.source != "scenes" else detect_source(path)
    if not current:
        data = data.model_copy(update={"classes": None, "rename": {}, "background": True})
    if warning := memory_warning(path, worker_count(), data.max_megapixels):
        print(f"warning: {warning}", file=sys.stderr)
    return source, inspect_folder(source, path, data, params.seed)


def is_current(path: Path, params: Params) -> bool:
    """Whether params.yaml names the folder `path`."""
    return path.resolve() == Path(params.data.path).resolve()


def problem_lines(inspection: Inspection | Corrections) -> list[str]:
    """Errors, then warnings, one line each."""
    errors = [f"error: {line}" for line in inspection.errors]
    return errors + [f"warning: {line}" for line in inspection.warnings]
