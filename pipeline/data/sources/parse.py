"""Reads a folder of any kind of source."""

from pathlib import Path

from pipeline.base.problems import Problem
from pipeline.data.mask_labels import UnnamedColours
from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources import (
    coco,
    csv_folder,
    cvat,
    imagefolder,
    labelme,
    labelstudio,
    mask_folder,
    mvtec,
    via,
    voc,
    yolo,
)
from pipeline.data.sources.labelimg import annotation_files, has_year, read_any_folders
from pipeline.data.sources.records import ParsedSource
from pipeline.data.sources.splits import with_listed_splits
from pipeline.params import DataParams, Source


def parse_source(source: Source, folder: Path, data: DataParams) -> ParsedSource:
    """The records of a folder that is read as a `source`."""
    try:
        if not folder.is_dir():
            advice = "Give the folder that holds the images and their labels."
            raise BadEntry(Problem(folder, "a folder", "no such folder", advice))
        return with_listed_splits(folder, _read(source, folder, data))
    except UnnamedColours as error:
        return ParsedSource(folder, problems=error.problems, unnamed=error.unnamed)
    except BadEntry as error:
        return ParsedSource(folder, problems=error.problems)


def _read(source: Source, folder: Path, data: DataParams) -> ParsedSource:
    match source:
        case "csv":
            return csv_folder.read_folder(folder, data)
        case "imagefolder":
            return imagefolder.read_folder(folder)
        case "coco":
            return coco.read_folder(folder, data)
        case "voc" if has_year(folder) or not annotation_files(folder):
            return voc.read_folder(folder, data)
        case "voc":
            return read_any_folders(folder, data.difficult)
        case "labelstudio":
            return labelstudio.read_folder(folder)
        case "cvat":
            return cvat.read_folder(folder)
        case "yolo":
            return yolo.read_folder(folder)
        case "labelme":
            return labelme.read_folder(folder)
        case "via":
            return via.read_folder(folder)
        case "mvtec":
            return mvtec.read_folder(folder)
        case "masks":
            return mask_folder.read_folder(folder, data)
