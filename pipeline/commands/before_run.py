"""What would stop a run of the pipeline, found before the run deletes the outputs of stages."""

import shutil
from collections.abc import Callable, Iterator, Set
from pathlib import Path

from pipeline import paths
from pipeline.commands.estimate import estimate_bytes
from pipeline.commands.folder import inspect_source
from pipeline.data.corrections.store import inspect_store
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.errors import UserError
from pipeline.params import Params

MOST_ERRORS = 10  # of the data
BEFORE_CLASSIFIER = {"prepare", "train_classifier"}  # a change in them trains the classifier
BEFORE_HEATMAPS = {*BEFORE_CLASSIFIER, "make_heatmaps"}
AFTER_TRAINING = {"diagnose", "evaluate", "report"}  # a change in them trains nothing


def errors_before_run(params: Params, changed: Set[str]) -> list[str]:
    """The errors that stages would end with, a line each.

    Args:
        changed: stages that will run; the images are decoded only where `prepare` is one of them.
    """
    errors: list[str] = []
    if "prepare" in changed:
        errors, manifest = data_errors(params)
    else:
        manifest = read_manifest(paths.PREPARED) if paths.PREPARED.is_dir() else None
    if manifest is not None:
        errors += disk_errors(manifest, params)
    return [*errors, *network_errors(params, {stage.partition("@")[0] for stage in changed})]


def data_errors(params: Params) -> tuple[list[str], Manifest | None]:
    """What `check` calls errors, in the corrected masks too; and the manifest, if there is none of the first.

    Images that camseg renders have neither.
    """
    folder = Path(params.data.path)
    if not folder.exists():
        return [f"data.path {folder}: no such folder. Run `camseg use IMAGES`"], None
    if params.data.source == "scenes":
        return [], None
    _, inspection = inspect_source(folder, params, params.data.source)
    manifest, errors = inspection.manifest, list(inspection.errors)
    if manifest is not None:
        errors += inspect_store(paths.CORRECTIONS, manifest, params.data.max_megapixels).errors
    if len(errors) > MOST_ERRORS:
        errors[MOST_ERRORS:] = [f"and {len(errors) - MOST_ERRORS} more: `camseg check {folder}`"]
    return errors, manifest


def disk_errors(manifest: Manifest, params: Params, folder: Path = Path()) -> list[str]:
    """A line if the outputs do not fit on the disk; what is there of an earlier run makes room."""
    outputs = (paths.PREPARED, paths.HEATMAPS, paths.MASKS, paths.PREDICTIONS, paths.SEGMENTATION)
    files = (file for output in outputs for file in (folder / output).rglob("*") if file.is_file())
    need = estimate_bytes(manifest, params) - sum(file.stat().st_size for file in files)
    free = shutil.disk_usage(folder).free
    if need <= free:
        return []
    return [f"disk: expected {need / 1e9:.1f} GB free for the outputs, got {free / 1e9:.1f} GB. Make room"]


def network_errors(params: Params, changed: Set[str]) -> Iterator[str]:
    """A line for each network that a run needs and cannot make; pretrained weights are downloaded."""
    from pipeline.classifier.network import make_classifier  # here, since they load torch
    from pipeline.heatmaps.walk_features import make_walk_features
    from pipeline.segmentation.network import SegmentationConfig, make_segmentation_net

    section, classes = params.segmentation, ("class",)
    if section.weights == "classifier":  # they come from the classifier of the run
        section = section.model_copy(update={"weights": "none"})
    config = SegmentationConfig(classes, params.working_side())
    makers: list[tuple[bool, Callable[[], object]]] = [
        (bool(changed & BEFORE_CLASSIFIER), lambda: make_classifier(params.classifier, classes)),
        (bool(changed & BEFORE_HEATMAPS), lambda: make_walk_features(params.heatmaps.walk)),
        (
            bool(changed - AFTER_TRAINING),
            lambda: make_segmentation_net(section, config, paths.CLASSIFIER, pretrained=False),
        ),
    ]
    for make in (make for needed, make in makers if needed):
        try:
            make()
        except UserError as error:
            yield str(error)
