"""The data set from its source, and the corrected masks that fit it."""

import sys
from pathlib import Path

from pipeline import paths
from pipeline.base.files import safe_join, write_bytes
from pipeline.data.corrections.store import inspect_store
from pipeline.data.inspection import inspect_folder, write_ground_truth
from pipeline.data.manifest import Manifest
from pipeline.errors import UserError
from pipeline.params import Params
from pipeline.scenes.source import write_scenes


class DataError(UserError):
    """The data cannot be used; the message lists every problem."""


def prepare_data(params: Params) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of `data.source`, and the warnings, which are printed too; writes the ground truth.

    Raises:
        DataError: the folder has errors.
    """
    if params.data.source == "scenes":
        return write_scenes(paths.PREPARED, paths.GROUND_TRUTH, params.scenes, params.seed), ()
    found = inspect_folder(params.data.source, Path(params.data.path), params.data, params.seed)
    for line in found.warnings:
        print(f"warning: {line}", file=sys.stderr)
    if found.manifest is None:
        raise DataError(f"{params.data.path}: {len(found.errors)} error(s):\n{indented(found.errors)}")
    write_ground_truth(found, paths.GROUND_TRUTH)
    return found.manifest, found.warnings


def write_corrected_masks(manifest: Manifest, params: Params) -> tuple[str, ...]:
    """Check `data/corrections` against the data set and write them with its ids; returns the warnings.

    Raises:
        DataError: some do not fit the data set any more.
    """
    found = inspect_store(paths.CORRECTIONS, manifest, params.data.max_megapixels)
    if found.errors:
        raise DataError(
            f"{paths.CORRECTIONS}: {len(found.errors)} error(s):\n{indented(found.errors)}\n"
            "`camseg corrections remove NAME` takes masks out: then `prepare` runs, and others can be added."
        )
    # The classifier is trained anew when its own copy changes: without a weight it has none.
    supervised = params.classifier.gain.supervision_weight > 0
    for folder in (paths.CORRECTED, *([paths.ATTENTION] if supervised else [])):
        for name, content in found.masks.items():
            write_bytes(safe_join(folder, f"{name}.png"), content)
    return found.warnings


def indented(lines: tuple[str, ...]) -> str:
    """The lines below each other, each after two spaces."""
    return "\n".join(f"  {line}" for line in lines)
