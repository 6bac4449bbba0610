"""XML of VOC's kind in any folder, as labelImg and others write it: part of the `voc` source."""

from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import BadEntry, collected, warn_of
from pipeline.data.sources.documents import read_xml_file, text_of
from pipeline.data.sources.listing import HIDDEN, FileFinder, images_below
from pipeline.data.sources.mask_pairs import pair_key
from pipeline.data.sources.named_images import find_image
from pipeline.data.sources.records import ParsedSource, SourceRecord, class_name, parsed_source, stem
from pipeline.data.sources.splits import split_of_path


def read_any_folders(folder: Path, difficult: bool) -> ParsedSource:
    """A record for each XML file `annotation`; images without one are background.

    The image has the stem of the XML file, beside it or in a folder such as images/ beside annotations/; else
    it is the one that the file names.
    """
    problems: list[Problem] = []
    images = images_below(folder, problems)
    by_key = {pair_key(name): name for name in images}
    finder = FileFinder(images)
    records = []
    for file in annotation_files(folder):
        with collected(problems):
            root = read_annotation(folder, file)
            name = text_of(root, "filename") or file.stem
            key = pair_key(file.relative_to(folder).as_posix())
            image = by_key.get(key) or find_image(folder, name, finder, Location(file))
            labels, more = labels_of_objects(file, root, difficult)
            split = split_of_path(image)
            records.append(SourceRecord(stem(image), image, labels, Location(file), split, more=more))
    problems += finder.said(folder)
    used = {record.image for record in records}
    bare = [name for name in images if name not in used]
    records += [SourceRecord(stem(n), n, (), Location(folder / n), split_of_path(n)) for n in bare]
    advice = "They count as background. If nobody looked at them, take them out of the folder."
    problems += warn_of(bare, "without one", folder, "an XML file for each image", advice)
    return parsed_source(folder, records, problems)


def read_annotation(folder: Path, file: Path) -> Element:
    """The root of an XML file of VOC's kind. Raises `BadEntry`."""
    root = read_xml_file(folder, file)
    if root.tag != "annotation":
        advice = "Delete it, or name the --source of another format."
        raise BadEntry(Problem(file, "an element `annotation`", repr(root.tag), advice))
    return root


def has_year(folder: Path) -> bool:
    """Whether the folder or one below it is the year of a VOCdevkit."""
    return _has_folder(folder, "JPEGImages")


def has_masks_alone(folder: Path) -> bool:
    """Whether nothing but masks says what the images of a year show, as in an export of masks."""
    return _has_folder(folder, "SegmentationClass") and not _has_folder(folder, "Annotations")


def _has_folder(folder: Path, name: str) -> bool:
    return any(path.is_dir() for depth in ("", "*/", "*/*/") for path in folder.glob(f"{depth}{name}"))


def annotation_files(folder: Path) -> list[Path]:
    """XML files of the folder and those below, without hidden ones and links."""
    files = [file for file in sorted(folder.rglob("*.xml")) if file.is_file() and not file.is_symlink()]
    return [f for f in files if not any(part.startswith(HIDDEN) for part in f.relative_to(folder).parts)]


def labels_of_objects(file: Path, root: Element, difficult: bool) -> tuple[tuple[str, ...], bool]:
    """The names of the objects, and whether difficult ones were left out. Raises `BadEntry`."""
    objects = root.findall("object")
    kept = [o for o in objects if difficult or text_of(o, "difficult") != "1"]
    labels = tuple(dict.fromkeys(class_name(text_of(o, "name")) for o in kept))
    if "" in labels:
        raise BadEntry(Problem(file, "a name in each object", "none", "Name it, or delete the object."))
    return labels, len(kept) < len(objects)
