"""The `coco` source: instances JSON with boxes, polygons or run lengths, and the folders of its images."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.manifest import Split
from pipeline.data.names import may_be_class
from pipeline.data.problem_lists import BadEntry, collected, warn_of
from pipeline.data.sources.coco_document import (
    CocoAnnotation,
    Document,
    image_reference,
    lacks_lists,
    read_document,
)
from pipeline.data.sources.listing import FileFinder, images_below, visible_files
from pipeline.data.sources.named_images import only_image
from pipeline.data.sources.objects import stated_size, unclear_sizes, without_outline
from pipeline.data.sources.records import ParsedSource, Shape, SourceRecord, check_image, parsed_source, stem
from pipeline.data.sources.splits import split_of
from pipeline.params import DataParams

OTHER_FILES = ("captions_", "person_keypoints_", "image_info_", "panoptic_", "stuff_")
MANY = 0.1  # share of the annotations of a class: so many crowds are worth a word


@dataclass(frozen=True)
class _Folder:
    """What the records of all files of a folder need."""

    path: Path
    images: Set[str]
    files: FileFinder
    ids: Mapping[str, int]  # of the names, in masks
    drawn: bool  # there are ids for all names that masks need
    only_crowds: Set[str]  # names that have no other annotations


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """The records of all instances files in the folder; other JSON files are named."""
    files = json_files(folder)
    instances = [file for file in files if not lacks_lists(folder, file)] or files
    parsed = read_files(folder, instances, data)
    others = [
        file.relative_to(folder).as_posix()
        for file in visible_files(folder, "*.json")
        if file not in instances
    ]
    expected = "instances in each JSON file"
    warnings = warn_of(others, "others", folder, expected, "They are left out.")
    return replace(parsed, problems=(*parsed.problems, *warnings))


def read_files(folder: Path, files: Sequence[Path], data: DataParams | None = None) -> ParsedSource:
    """The records of instances files in the folder; labels are the categories of an image's annotations.

    Masks come from the segmentations, where each annotation of an image has one; crowds are 255, unless a
    class has nothing else. The split is that of the image, else that of the file's name or folder
    (instances_val2017.json, valid/_annotations.coco.json).

    Args:
        data: the classes that are picked come first, since masks hold no more than 254.
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    for file in files:
        with collected(problems):
            documents.append(read_document(folder, file, problems))
    if not files:
        advice = "Put the instances JSON there, or in annotations/."
        problems.append(Problem(folder, "an instances JSON", "none", advice))
    names, needed = _names(documents, data)
    outlined = any(document.outlined for document in documents)
    if needed >= IGNORE and outlined:
        expected = f"masks of up to {IGNORE - 1} categories"
        advice = "Masks are left out: 8 bits hold no more. Labels are read. Pick classes to have masks."
        problems.append(Problem(folder, expected, str(needed), advice, fatal=False))
    only_crowds, warnings = _crowds(folder, documents)
    images, ids = images_below(folder, []), {name: min(i, IGNORE) for i, name in enumerate(names, 1)}
    whole = _Folder(folder, frozenset(images), FileFinder(images), ids, needed < IGNORE, only_crowds)
    records = [record for document in documents for record in _read_records(whole, document, problems)]
    file = files[0] if len(files) == 1 else folder
    problems += whole.files.said(folder)
    problems += without_outline(file, records) if whole.drawn and outlined else []
    return parsed_source(file, records, [*problems, *warnings], names)


def json_files(folder: Path) -> list[Path]:
    """JSON files in the folder or one level down; captions and the like only where there are no others."""
    files = visible_files(folder, "*.json")
    return [file for file in files if not file.name.startswith(OTHER_FILES)] or files


def _names(documents: Sequence[Document], data: DataParams | None) -> tuple[tuple[str, ...], int]:
    """The categories in the order of their ids in masks, and how many of them need one.

    Where there are more than 254, those that become a class come first; the others are 255.
    """
    names = tuple(dict.fromkeys(name for document in documents for name in document.names))
    if len(names) < IGNORE or data is None or data.classes is None:
        return names, len(names)
    picked = [name for name in names if data.rename.get(name, name) in data.classes]
    return tuple(dict.fromkeys([*picked, *names])), len(picked)


def _crowds(folder: Path, documents: Sequence[Document]) -> tuple[Set[str], list[Problem]]:
    """The names whose annotations are all crowds, and warnings on names with many of them.

    CVAT writes all that is drawn with its brush as crowds.
    """
    annotations = [a for d in documents for of_image in d.annotations.values() for a in of_image if a.outline]
    annotations = [a for a in annotations if a.name is not None and may_be_class(a.name)]
    counts = Counter(str(a.name) for a in annotations)
    crowds = Counter(str(a.name) for a in annotations if a.crowd)
    only = {name for name, count in crowds.items() if count == counts[name]}
    many = {name for name, count in crowds.items() if count > MANY * counts[name]} - only
    expected = "objects that are no crowds (iscrowd: 0)"
    texts = (
        (only, "They are read as objects, since their classes have no others."),
        (many, "They are 255 in masks. If they are single objects, write iscrowd: 0."),
    )
    named = [([f"{crowds[n]} of {counts[n]} of {n!r}" for n in sorted(ns)], advice) for ns, advice in texts]
    return only, [
        Problem(folder, expected, f"crowds: {listed(lines)}", advice, fatal=False)
        for lines, advice in named
        if lines
    ]


def _read_records(folder: _Folder, document: Document, problems: list[Problem]) -> list[SourceRecord]:
    records: list[SourceRecord] = []
    for position in range(len(document.images)):
        with collected(problems):
            records.append(_read_record(folder, document, position))
    sizes = ((at.at, entry.get("height"), entry.get("width")) for at, entry in document.images)
    problems += unclear_sizes(document.file, sizes) if document.outlined else []
    return records


def _read_record(folder: _Folder, document: Document, position: int) -> SourceRecord:
    location, entry = document.images[position]
    annotations = document.annotations.get(position, ())
    split = split_of(str(entry.get("split", ""))) or _split(folder.path, document.file)
    image = _find(folder, document.file, image_reference(entry), split, location)
    labels = tuple(dict.fromkeys(a.name for a in annotations if a.name is not None))
    if any(annotation.name is None for annotation in annotations):
        raise BadEntry  # it is a problem already
    mask = _shapes(folder, annotations) if document.outlined else None
    size = stated_size(entry.get("height"), entry.get("width"))
    return SourceRecord(stem(image), image, labels, location, split, mask=mask, size=size)


def _shapes(folder: _Folder, annotations: Sequence[CocoAnnotation]) -> tuple[Shape, ...] | None:
    """The outlines of an image; None where one is missing, or where there are more classes than ids."""
    if not folder.drawn or not all(a.outline for a in annotations):
        return None
    return tuple(
        Shape(
            IGNORE if a.crowd and a.name not in folder.only_crowds else folder.ids[a.name or ""],
            a.outline,
            a.location.at,
        )
        for a in annotations
    )


def _split(folder: Path, file: Path) -> Split | None:
    split = split_of(file.stem)
    return split_of(file.parent.name) if split is None and file.parent != folder else split


def _find(folder: _Folder, file: Path, name: str, split: Split | None, location: Location) -> str:
    """The image relative to the folder: where COCO's tools put it, else by the longest end of its path.

    They put it beside the JSON, below images/, or in a folder named as its file. Raises `BadEntry`.
    """
    beside = file.parent.relative_to(folder.path).as_posix()
    word = file.stem.rpartition("_")[2]  # train2017 of instances_train2017
    bases = ("" if beside == "." else beside, "", "images", word, f"images/{word}")
    exact = next((c for base in bases if (c := str(PurePosixPath(base) / name)) in folder.images), None)
    if exact is not None:
        return exact
    found = only_image(folder.path, name, folder.files.find(name), location, split)
    if found is None:
        check_image(folder.path, name, location)
    return found or str(PurePosixPath(name))
