"""Samples, classes and split from the data source, with what was wrong with it; true and corrected masks."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.base.files import inside, note_if_empty, renew, write_bytes, write_text
from pipeline.data.corrections.store import inspect_store
from pipeline.data.inspection import Inspection, inspect_folder, write_true_masks
from pipeline.data.manifest import Manifest, write_manifest
from pipeline.errors import UserError
from pipeline.params import Params, Source, load_params
from pipeline.scenes.source import write_scenes
from pipeline.stages.running import stage

NAME = "prepare"
MASKS = (paths.TRUE_MASKS, paths.CORRECTED, paths.ATTENTION)  # any of them may be empty


class DataError(UserError):
    """The data cannot be used; the message lists every problem."""


def main() -> None:
    """Write `data/prepared` (manifest, problems, rendered images), the true and the corrected masks."""
    params = load_params()
    for folder in (paths.PREPARED, *MASKS):
        renew(folder)
    if params.data.source == "scenes":
        warnings: tuple[str, ...] = ()
        manifest = write_scenes(paths.PREPARED, paths.TRUE_MASKS, params.scenes, params.seed)
    else:
        found, manifest = read_folder(params.data.source, params)
        warnings = found.warnings
        write_true_masks(found, paths.TRUE_MASKS)
    # The classifier is trained anew when its own copy changes: without a weight it has none.
    supervised = params.classifier.gain.supervision_weight > 0
    folders = [paths.CORRECTED, *([paths.ATTENTION] if supervised else [])]
    warnings += write_corrected_masks(manifest, params.data.max_megapixels, folders)
    write_text(paths.PREPARED / paths.PROBLEMS, "".join(f"{line}\n" for line in sorted(warnings)))
    write_manifest(paths.PREPARED, manifest)
    for folder in MASKS:
        note_if_empty(folder, "No image has such a mask.")


def write_corrected_masks(
    manifest: Manifest, max_megapixels: float, folders: Sequence[Path]
) -> tuple[str, ...]:
    """Check `data/corrections` against the data set and write them with its ids; returns the warnings.

    Raises:
        DataError: some do not fit the data set any more.
    """
    found = inspect_store(paths.CORRECTIONS, manifest, max_megapixels)
    if found.errors:
        lines = "\n".join(f"  {line}" for line in found.errors)
        raise DataError(
            f"{paths.CORRECTIONS}: {len(found.errors)} error(s):\n{lines}\n"
            "`camseg corrections remove NAME` takes masks out: then `prepare` runs, and others can be added."
        )
    for folder in folders:
        for name, content in found.masks.items():
            write_bytes(inside(folder, f"{name}.png"), content)
    return found.warnings


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
