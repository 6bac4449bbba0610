"""The `cvat` source: an export as "CVAT for images 1.1", beside its images."""

from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import BadEntry, collected, warn_of
from pipeline.data.sources.documents import read_xml_file, text_of
from pipeline.data.sources.labelstudio import task_labels
from pipeline.data.sources.listing import FileFinder, images_below
from pipeline.data.sources.named_images import find_image
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    class_name,
    labels_of,
    parsed_source,
    stem,
)
from pipeline.data.sources.splits import split_of

TRUE = ("1", "true")  # `outside`: the shape is not in this image


def read_folder(folder: Path) -> ParsedSource:
    """The labels of an image are those of its tags and shapes; the classes are in the order of the project.

    The splits are the subsets, where they are named so. Images without any shape or tag are background.
    """
    problems: list[Problem] = []
    roots: dict[Path, Element] = {}
    for file in sorted({*folder.glob("*.xml"), *folder.glob("*/*.xml")}):
        with collected(problems):
            roots[file] = _read_annotations(folder, file)
    images = images_below(folder, problems)
    known, files = frozenset(images), FileFinder(images)
    records, unclear = [], []
    for file, root in roots.items():
        for position, element in enumerate(root.iter("image")):
            location, name = Location(file, f"image {position + 1}"), element.get("name", "")
            with collected(problems):
                exact = next((path for path in (f"images/{name}", name) if path in known), None)
                image = exact or find_image(folder, name, files, location)
                shown = [child for child in element if child.get("outside") not in TRUE]
                labels = task_labels([child.get("label", "") for child in shown])
                split = split_of(element.get("subset", ""))
                if shown and not labels:
                    unclear.append(image)
                else:
                    records.append(SourceRecord(stem(image), image, labels, location, split))
    problems += files.said(folder)
    used = labels_of(records)
    order = [class_name(text_of(x, "name")) for r in roots.values() for x in r.iterfind("meta//labels/label")]
    names = dict.fromkeys([*(name for name in order if name in used), *used])
    advice = "They are left out, since they show something. Give their shapes labels, or delete the shapes."
    problems += warn_of(unclear, "without", folder, "a label in the shapes of each image", advice)
    untagged = [record.name for record in records if not record.labels]
    problems += warn_of(untagged, "without", folder, "a label in each image", "They count as background.")
    return parsed_source(folder, records, problems, tuple(names))


def _read_annotations(folder: Path, file: Path) -> Element:
    root, advice = read_xml_file(folder, file), "Export the task as `CVAT for images 1.1`"
    if root.tag != "annotations":
        raise BadEntry(Problem(file, "an element `annotations`", repr(root.tag), f"{advice}."))
    if root.find(".//image") is None:
        advice = f"{advice}; a video as one of images."
        raise BadEntry(Problem(file, "an element `image` for each image", "none", advice))
    return root
