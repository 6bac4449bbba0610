"""The kind of a folder, by the names and the first bytes of the files in it."""

import re
from itertools import islice
from pathlib import Path

from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources import coco, via, yolo
from pipeline.data.sources.coco_document import PARTS, lacks_lists
from pipeline.data.sources.csv_columns import find_columns
from pipeline.data.sources.csv_images import ImageFinder
from pipeline.data.sources.csv_records import OWN_TABLE, tables_of
from pipeline.data.sources.csv_table import read_table
from pipeline.data.sources.documents import decode_text
from pipeline.data.sources.folder_names import is_kind_of_file
from pipeline.data.sources.imagefolder import class_folders
from pipeline.data.sources.labelimg import annotation_files, has_masks_alone, has_year
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_pairs import ARRAYS, is_with_masks
from pipeline.data.sources.mvtec import GOOD, products_below
from pipeline.params import Source

HEAD = 4096  # bytes of a file that tell its kind
LOOKED_AT = 50  # files or lines
VIA = re.compile(r'"_via_|"filename"\s*:[^{}]*"regions"\s*:\s*[\[{]')
LABELME = re.compile(r'"shapes"\s*:\s*\[\s*[{\]]|"imagePath"\s*:')
IMAGE = r'("(image|img|photo|picture|url)"\s*:\s*"|:\s*"[^"]*/)'
# A task keeps its image in `data`, beside annotations with a result; one of JSON-MIN has no annotations.
TASKS = re.compile(rf'\[\s*\{{(.*?"(data|result)"\s*:\s*[\[{{]|(?!.*"annotations"\s*:)).*?{IMAGE}', re.DOTALL)
PART = re.compile(rf'\{{.*"({"|".join(PARTS)})"\s*:', re.DOTALL)


def detect_source(folder: Path) -> Source:
    """The kind of a folder; `csv`, which asks for labels.csv, where nothing says what the images show."""
    if (folder / OWN_TABLE).exists() or not folder.is_dir():
        return "csv"
    if has_year(folder):
        # A folder above the year is `voc` too: the reader names that problem.
        return "masks" if has_masks_alone(folder) else "voc"
    if products_below(folder) or all((folder / p).is_dir() for p in (f"train/{GOOD}", "test")):
        return "mvtec"
    written = _by_annotations(folder)
    return written or _by_images(folder, images_below(folder, [], more=ARRAYS))


def head(file: Path) -> str:
    """The first text of a file, without space in front; empty for a link or no file."""
    if not file.is_file() or file.is_symlink():
        return ""
    with file.open("rb") as content:
        start = content.read(HEAD)
    try:
        return decode_text(start).lstrip()
    except ValueError:  # half a character at the end
        return start.decode("utf-8-sig", "replace").lstrip()


def _by_annotations(folder: Path) -> Source | None:
    """The kind of the files of annotations; None without them."""
    heads = {file: head(file) for file in coco.json_files(folder)}
    objects = {file: text for file, text in heads.items() if text.startswith("{")}
    if any(VIA.search(text) for text in objects.values()) or _is_via_table(folder):
        return "via"
    labelme = {file for file, text in objects.items() if LABELME.search(text)}
    if any(not lacks_lists(folder, file) for file in objects if file not in labelme):
        return "coco"
    if labelme or any(LABELME.search(head(file)) for file in islice(folder.rglob("*.json"), LOOKED_AT)):
        return "labelme"
    if any(TASKS.match(text) for text in heads.values()):
        return "labelstudio"
    texts = [head(file) for file in annotation_files(folder)[:LOOKED_AT]]
    if any("<annotations>" in text for text in texts):
        return "cvat"
    if any("<annotation>" in text or "<annotation " in text for text in texts):
        return "voc"
    return "yolo" if _is_yolo(folder) else None


def _is_yolo(folder: Path) -> bool:
    files = (folder / name for name in yolo.label_files(folder))
    with_lines = [file for file in files if file.stat().st_size][:LOOKED_AT]
    labels = [file for file in with_lines if yolo.is_label_file(file)]
    return bool(labels) and (2 * len(labels) > len(with_lines) or yolo.names_file(folder) is not None)


def _is_via_table(folder: Path) -> bool:
    return any(via.CSV_COLUMN in head(file) for file in (*folder.glob("*.csv"), *folder.glob("*/*.csv")))


def _by_images(folder: Path, images: list[str]) -> Source:
    """The kind of a folder of images alone, or with tables or masks."""
    if any(_names_images(folder, file, images) for file in tables_of(folder)):
        return "csv"
    if is_with_masks(images):
        return "masks"
    if not all(map(is_kind_of_file, class_folders(images))):
        return "imagefolder"
    # Nothing else says what the images show: the reader names what the file lacks.
    return "coco" if any(PART.search(head(file)) for file in coco.json_files(folder)) else "csv"


def _names_images(folder: Path, file: Path, images: list[str]) -> bool:
    """Whether one of the first lines of a table names an image of the folder."""
    finder = ImageFinder(folder, images)
    try:
        table = read_table(folder, file, [])
        column = find_columns(table).image
        return any(finder.knows(cell) for cell in table.column(column)[:LOOKED_AT])
    except BadEntry:
        return False
