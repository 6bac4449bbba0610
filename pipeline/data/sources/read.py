"""Reads a folder of any kind, and finds out which kind it is."""

from pathlib import Path

from pipeline.data.problems import Problem
from pipeline.data.sources import csv_folder
from pipeline.data.sources.rows import Reading
from pipeline.params import DataParams, Source


def read_source(source: Source, folder: Path, data: DataParams) -> Reading:
    """What the folder says of its images, read as a `source`."""
    if not folder.is_dir():
        advice = "Give the folder that holds the photos and their labels."
        return Reading(folder, problems=(Problem(folder, "a folder", "no such folder", advice),))
    match source:
        case "csv":
            return csv_folder.read_folder(folder, data)
    raise ValueError(source)
