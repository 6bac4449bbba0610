"""Reads a folder of any kind of source, and detects the kind."""

from pathlib import Path

from pipeline.base.problems import Problem
from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources import coco, csv_folder, cvat, imagefolder, labelstudio, voc
from pipeline.data.sources.coco_document import lacks_lists
from pipeline.data.sources.records import ParsedSource
from pipeline.params import DataParams, Source

HEAD = 4096  # bytes of a file that tell its kind


def parse_source(source: Source, folder: Path, data: DataParams) -> ParsedSource:
    """The records of a folder that is read as a `source`."""
    try:
        if not folder.is_dir():
            advice = "Give the folder that holds the images and their labels."
            raise BadEntry(Problem(folder, "a folder", "no such folder", advice))
        match source:
            case "csv":
                return csv_folder.read_folder(folder, data)
            case "imagefolder":
                return imagefolder.read_folder(folder)
            case "coco":
                return coco.read_folder(folder, data)
            case "voc":
                return voc.read_folder(folder, data)
            case "labelstudio":
                return labelstudio.read_folder(folder)
            case "cvat":
                return cvat.read_folder(folder)
    except BadEntry as error:
        return ParsedSource(folder, problems=error.problems)


def detect_source(folder: Path) -> Source:
    """The kind of a folder by the names in it and the heads of its JSON and XML; `csv` where none fits."""
    if (folder / "labels.csv").exists() or not folder.is_dir():
        return "csv"
    if any(path.is_dir() for depth in ("", "*/", "*/*/") for path in folder.glob(f"{depth}JPEGImages")):
        return "voc"  # or a folder above the year: the reader names that problem
    heads = {file: head(file) for file in coco.json_files(folder)}
    if any(text.startswith("{") and not lacks_lists(folder, file) for file, text in heads.items()):
        return "coco"
    if any(text.startswith("[") for text in heads.values()):
        return "labelstudio"
    if any("<annotations>" in head(file) for file in [*folder.glob("*.xml"), *folder.glob("*/*.xml")]):
        return "cvat"
    folders = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    classes = {name for name in folders if name.lower() not in ("images", "masks")}
    return "imagefolder" if classes else "csv"


def head(file: Path) -> str:
    """The first text of a file, without space in front; empty for a link or no file."""
    if not file.is_file() or file.is_symlink():
        return ""
    with file.open("rb") as content:
        return content.read(HEAD).decode("utf-8-sig", "replace").lstrip()
