"""The `cvat` source: an export as "CVAT for images 1.1", beside its images."""

from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.sources.documents import read_xml_file, text_of
from pipeline.data.sources.labelstudio import find_image, task_labels
from pipeline.data.sources.listing import ends, images_below
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    class_name,
    split_of,
    stem,
    with_distinct_names,
)


def read_folder(folder: Path) -> ParsedSource:
    """The labels of an image are those of its tags and shapes; the classes are in the order of the project.

    The splits are the subsets, where they are named so. Images without any label are background.
    """
    roots, problems = _read_files(folder, sorted({*folder.glob("*.xml"), *folder.glob("*/*.xml")}))
    images, found = images_below(folder)
    problems += found
    known, by_end = frozenset(images), ends(images)
    records = []
    for file, root in roots:
        for position, element in enumerate(root.iter("image")):
            location = Location(file, f"image {position + 1}")
            name = element.get("name", "")
            exact = next((path for path in (f"images/{name}", name) if path in known), name)
            image, problem = (exact, None) if exact in known else find_image(folder, name, by_end, location)
            if problem:
                problems.append(problem)
            else:
                labels = task_labels([child.get("label", "") for child in element])
                records.append(
                    SourceRecord(stem(image), image, labels, location, split_of(element.get("subset", "")))
                )
    distinct, repeated = with_distinct_names(records)
    used = sorted({label for record in records for label in record.labels})
    order = [name for _, root in roots for name in _project_labels(root)]
    names = tuple(dict.fromkeys([*(name for name in order if name in used), *used]))
    problems += repeated + _untagged(folder, distinct)
    return ParsedSource(folder, tuple(distinct), names, names, tuple(problems))


def _read_files(folder: Path, files: list[Path]) -> tuple[list[tuple[Path, Element]], list[Problem]]:
    roots: list[tuple[Path, Element]] = []
    problems = []
    for file in files:
        root, found = read_xml_file(folder, file)
        problems += found
        if root is not None and root.tag == "annotations" and root.find(".//image") is None:
            advice = "Export the task as `CVAT for images 1.1`; a video as one of images."
            problems.append(Problem(file, "an element `image` for each image", "none", advice))
        elif root is not None and root.tag == "annotations":
            roots.append((file, root))
        elif root is not None:
            advice = "Export the task as `CVAT for images 1.1`."
            problems.append(Problem(file, "an element `annotations`", repr(root.tag), advice))
    return roots, problems


def _project_labels(root: Element) -> list[str]:
    return [class_name(text_of(label, "name")) for label in root.iterfind("meta//labels/label")]


def _untagged(folder: Path, records: list[SourceRecord]) -> list[Problem]:
    names = [record.name for record in records if not record.labels]
    if not names:
        return []
    got, advice = f"{len(names)} without: {listed(names)}", "They count as background."
    return [Problem(folder, "a label in each image", got, advice, fatal=False)]
