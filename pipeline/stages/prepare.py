"""Samples, classes and split from the data source, with what was wrong with it; and the true masks."""

import sys
from pathlib import Path

from pipeline.data.files import renew, write_text
from pipeline.data.inspection import Inspection, inspect_folder, write_true_masks
from pipeline.data.manifest import Manifest, write_manifest
from pipeline.data.scenes_source import write_scenes
from pipeline.params import Params, Source, load_params
from pipeline.stages import paths
from pipeline.stages.running import stage

NAME = "prepare"


class DataError(ValueError):
    """The data cannot be used; the message lists every problem."""


def main() -> None:
    """Write `data/prepared` (manifest, problems, rendered images) and `data/masks/full`."""
    params = load_params()
    for folder in (paths.PREPARED, paths.TRUE_MASKS):
        renew(folder)
    if params.data.source == "scenes":
        warnings: tuple[str, ...] = ()
        manifest = write_scenes(paths.PREPARED, paths.TRUE_MASKS, params.scenes, params.seed)
    else:
        found, manifest = read_folder(params.data.source, params)
        warnings = found.warnings
        write_true_masks(found, paths.TRUE_MASKS)
    write_text(paths.PREPARED / paths.PROBLEMS, "".join(f"{line}\n" for line in sorted(warnings)))
    write_manifest(paths.PREPARED, manifest)


def read_folder(source: Source, params: Params) -> tuple[Inspection, Manifest]:
    """What the folder `data.path` holds, and its manifest; the warnings are printed too.

    Raises:
        DataError: the folder has errors.
    """
    found = inspect_folder(source, Path(params.data.path), params.data, params.seed)
    for line in found.warnings:
        print(f"warning: {line}", file=sys.stderr)
    if found.manifest is None:
        lines = "\n".join(f"  {line}" for line in found.errors)
        raise DataError(f"{params.data.path}: {len(found.errors)} error(s):\n{lines}")
    return found, found.manifest


if __name__ == "__main__":
    with stage(NAME):
        main()
