"""The data set from its source, and the corrected masks that fit it."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline import paths
from pipeline.base.files import write_lines
from pipeline.data.corrections.store import inspect_store
from pipeline.data.decisions import read_decisions, rejected_names
from pipeline.data.held_out import choose_held_out
from pipeline.data.inspection import inspect_folder, write_ground_truth
from pipeline.data.manifest import Manifest
from pipeline.data.mask_store import write_masks
from pipeline.data.problem_lists import DataError
from pipeline.params import Params
from pipeline.scenes.source import write_scenes


def prepare_data(params: Params) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of `data.source`, and the warnings, which are printed too.

    Writes the ground truth, the working copies of images above `data.max_side`, and which training images are
    held out.
    """
    if params.data.source == "scenes":
        manifest = write_scenes(paths.PREPARED, paths.GROUND_TRUTH, params.scenes, params.seed)
        write_held_out(manifest, {}, params)
        return manifest, ()
    folder = Path(params.data.path)
    inspection = inspect_folder(params.data.source, folder, params.data, params.seed, copies=paths.COPIES)
    for line in inspection.warnings:
        print(f"warning: {line}", file=sys.stderr)
    if inspection.manifest is None:
        raise DataError(params.data.path, inspection.errors)
    write_ground_truth(inspection, paths.GROUND_TRUTH)
    write_held_out(inspection.manifest, inspection.groups, params)
    return inspection.manifest, inspection.warnings


def write_held_out(manifest: Manifest, groups: Mapping[str, str], params: Params) -> None:
    """Write which training images are held out; nothing if there are none."""
    names = choose_held_out(manifest, groups, params.data.held_out, params.seed)
    if names:
        write_lines(paths.PREPARED / paths.HELD_OUT, names)


def write_corrected_masks(manifest: Manifest, params: Params) -> tuple[str, ...]:
    """Check `data/corrections` against the data set and write them with its ids; returns the warnings."""
    store = inspect_store(paths.CORRECTIONS, manifest, params.data.max_megapixels)
    if store.errors:
        advice = (
            "Take masks out by `camseg corrections remove NAME`. Then `prepare` runs, and you can add masks."
        )
        raise DataError(paths.CORRECTIONS, store.errors, advice)
    # The classifier is trained anew when its copy of the masks changes, so without a weight it gets none.
    supervised = params.classifier.gain.supervision_weight > 0
    for folder in (paths.CORRECTED, paths.ATTENTION) if supervised else (paths.CORRECTED,):
        write_masks(folder, store.masks)
    return store.warnings


def write_rejected(manifest: Manifest) -> None:
    """Write which training samples a person rejected; nothing if there are none."""
    names = rejected_names(manifest, read_decisions(paths.DECISIONS).values())
    if names:
        write_lines(paths.CORRECTED / paths.REJECTED, names)
