"""Writes the masks for `camseg export`, each with its confidence."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import paths
from pipeline.base.files import safe_join
from pipeline.base.problems import printable
from pipeline.commands.outputs import new_folder
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import has_mask
from pipeline.errors import UserError
from pipeline.export.coco import export_coco
from pipeline.export.cvat import export_cvat
from pipeline.export.geojson import export_geojson
from pipeline.export.geotiff import without_rasterio
from pipeline.export.items import ExportItem, write_confidence
from pipeline.export.labelstudio_tasks import export_labelstudio
from pipeline.export.order import correction_order
from pipeline.export.png import export_png
from pipeline.export.voc import export_voc
from pipeline.export.yolo import export_yolo
from pipeline.params import Params, default_masks, load_params
from pipeline.workflows.confidence import MaskConfidence, read_confidences
from pipeline.workflows.leading_round import find_lead

SHOWN = 5  # masks, on the terminal


@dataclass(frozen=True)
class MaskSource:
    """The folder of masks to export."""

    folder: Path
    name: str
    predicted: bool  # by a segmentation model
    why: str  # an earlier round was taken; empty where nobody chose among rounds


def export_masks(arguments: argparse.Namespace) -> int:
    """Write a folder in one of the formats of masks."""
    if arguments.model:
        raise UserError(f"--model: {arguments.format} takes masks: --masks NAME or --predictions NAME")
    params = load_params()
    with new_folder(arguments.out) as folder:
        manifest = read_manifest(paths.PREPARED)
        source = find_source(arguments, params)
        items = correction_order(read_items(manifest, source))
        write_format(arguments.format, items, manifest.classes, folder, source.name)
        write_confidence(folder, items)
    if source.why:
        print(source.why)
    print(f"{len(items)} mask(s) of {source.folder} written to {arguments.out}; to correct first:")
    for item in items[:SHOWN]:
        print(f"  {item.confidence:.2f}  {printable(item.name)}")
    return 0


def write_format(
    format: str, items: Sequence[ExportItem], classes: Sequence[str], folder: Path, name: str
) -> None:
    """Write `items` to `folder`; `name` says in Label Studio where the masks come from."""
    if format == "labelstudio":
        return export_labelstudio(items, classes, folder, f"camseg {name}")
    if format in ("png", "geojson") and (line := without_rasterio(item.image for item in items)):
        print(line, file=sys.stderr)
    exports = {"voc": export_voc, "coco": export_coco, "yolo": export_yolo, "cvat": export_cvat}
    export = (exports | {"png": export_png, "geojson": export_geojson})[format]
    return export(items, classes, folder)


def find_source(arguments: argparse.Namespace, params: Params) -> MaskSource:
    """The masks of --predictions or --masks, by default the masks that the leading model was trained on."""
    predicted = arguments.predictions is not None
    parent = paths.PREDICTIONS if predicted else paths.MASKS
    name, why = arguments.predictions if predicted else arguments.masks, ""
    if name is None:
        lead = find_lead(params)
        name, why = default_masks(params.heatmaps.methods, lead.supervision), lead.why
    known = sorted(path.name for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
    if name not in known:
        expected = f"one of {', '.join(known)}" if known else "masks"
        raise UserError(f"{parent}: expected {expected}, got no {name!r}. Run `camseg run`, or name another")
    return MaskSource(safe_join(parent, name), name, predicted, why)


def read_items(manifest: Manifest, source: MaskSource) -> list[ExportItem]:
    """The masks of `source` with their images and confidences; at least one mask is needed."""
    samples = [sample for sample in manifest.samples if has_mask(source.folder, sample)]
    if not samples:
        raise UserError(f"{source.folder}: expected masks, got none. Run `camseg run`, or name another one")
    if source.folder in (paths.GROUND_TRUTH, paths.CORRECTED):  # made by people
        confidences: Sequence[MaskConfidence] = [MaskConfidence(1.0, corrected=True)] * len(samples)
    else:
        reports = "evaluation" if source.predicted else "pseudo_masks"
        confidences = read_confidences(paths.REPORTS / reports / source.name, samples)
    return export_items(manifest, source.folder, samples, confidences)


def export_items(
    manifest: Manifest, masks: Path, samples: Sequence[Sample], confidences: Sequence[MaskConfidence]
) -> list[ExportItem]:
    """The samples with their masks in the folder `masks`, in their order."""
    return [
        ExportItem(
            name=sample.name,
            image=manifest.original(sample),
            masks=masks,
            height=sample.original_size[0],
            width=sample.original_size[1],
            split=sample.split,
            labels=sample.labels,
            confidence=round(confidence.confidence, 4),
            corrected=confidence.corrected,
            mask_size=(sample.height, sample.width),
            reading=manifest.reading,
        )
        for sample, confidence in zip(samples, confidences, strict=True)
    ]
