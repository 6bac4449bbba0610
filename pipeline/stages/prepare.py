"""The manifest of the data source, the problems found in it, and its ground-truth and corrected masks."""

from pipeline import paths
from pipeline.base.files import note_if_empty, recreate_dir, write_lines
from pipeline.data.manifest import write_manifest
from pipeline.params import load_params
from pipeline.stages.running import run_stage
from pipeline.workflows.preparation import prepare_data, write_corrected_masks, write_rejected

NAME = "prepare"
MASKS = (paths.GROUND_TRUTH, paths.CORRECTED, paths.ATTENTION)  # each of them may be empty


def main() -> None:
    """Write `data/prepared` (manifest, problems, rendered images), ground-truth and corrected masks."""
    params = load_params()
    for folder in (paths.PREPARED, *MASKS):
        recreate_dir(folder)
    manifest, warnings = prepare_data(params)
    warnings += write_corrected_masks(manifest, params)
    write_rejected(manifest)
    write_lines(paths.PREPARED / paths.PROBLEMS, sorted(warnings))
    write_manifest(paths.PREPARED, manifest)
    for folder in MASKS:
        note_if_empty(folder, "No image has such a mask.")


if __name__ == "__main__":
    run_stage(NAME, main)
