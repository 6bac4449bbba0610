"""The work of `camseg export`."""

import argparse
from pathlib import Path

from pipeline.data.files import inside
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.export.coco import write_coco
from pipeline.export.items import Item, find_items, with_confidence
from pipeline.export.png import write_png
from pipeline.export.voc import write_voc
from pipeline.params import load_params
from pipeline.report.results import lead_masks
from pipeline.stages import paths


def export_masks(arguments: argparse.Namespace) -> int:
    """Write the masks in the wanted format; 0."""
    out: Path = arguments.out
    check_empty(out)
    manifest = load_manifest()
    folder = masks_folder(arguments.masks, arguments.predictions)
    items = load_items(manifest, folder)
    match arguments.format:
        case "png":
            write_png(out, items, manifest.classes)
        case "voc":
            write_voc(out, items, manifest.classes)
        case "coco":
            write_coco(out, items, manifest.classes)
    print(f"{len(items)} mask(s) of {folder} exported to {out}")
    return 0


def check_empty(out: Path) -> None:
    """Raise ValueError where `out` is a file or holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out}: expected an empty folder or none, got something in it. Name another one")


def load_manifest() -> Manifest:
    """The samples of the data set.

    Raises:
        ValueError: they are not prepared, or the manifest is broken.
    """
    if not (paths.PREPARED / "manifest.json").is_file():
        raise ValueError(
            f"{paths.PREPARED}/manifest.json: expected the samples, got no file. Run `make repro`"
        )
    return read_manifest(paths.PREPARED)


def masks_folder(masks: str | None, predictions: str | None) -> Path:
    """The folder of the named masks or predictions; else of the masks that the headline is about.

    Raises:
        ValueError: there is no such folder.
    """
    if masks is None and predictions is None:
        params = load_params()
        masks = lead_masks(params.heatmaps.methods, params.segmentation.supervision)
    parent, name = (paths.PREDICTIONS, predictions) if predictions is not None else (paths.MASKS, masks)
    folder = inside(parent, str(name))
    if not folder.is_dir() or folder.resolve() == parent.resolve():
        found = sorted(path.name for path in parent.glob("*/"))
        raise ValueError(
            f"{folder}: expected a folder of masks, got none. There are: {', '.join(found) or 'none'}. "
            "Name one of them, or run `make repro`"
        )
    return folder


def load_items(manifest: Manifest, folder: Path) -> tuple[Item, ...]:
    """The photos with masks in `folder`; with the confidence of the masks where those come from heatmaps."""
    items, heatmaps = find_items(manifest, folder), paths.HEATMAPS / folder.name
    if folder.parent != paths.MASKS or not heatmaps.is_dir():
        return items
    return with_confidence(items, heatmaps, paths.REPORTS / "pseudo_masks" / folder.name / "metrics.json")
