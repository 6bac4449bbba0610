"""The classes of a data set, as the parameters pick, order, rename, merge or leave them out."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.names import is_garbled, means_background, means_ignore
from pipeline.data.problem_lists import problem_at, warn_of
from pipeline.data.sources.documents import CLASS_LIST
from pipeline.data.sources.records import ParsedSource, SourceRecord, labels_of
from pipeline.params import DataParams


@dataclass(frozen=True)
class ClassMapping:
    """The classes of the data set, and the class of each name of the source."""

    classes: tuple[str, ...]
    targets: dict[str, str | None]  # name of the source -> class; None: left out
    names: tuple[str, ...]  # of the source, in the order of the ids of its masks
    unknown: frozenset[str]  # labels that are no class and no name of the source: misspelt, most likely
    background: frozenset[str] = frozenset()  # names that are no label: 0 in masks
    ignored: frozenset[str] = frozenset()  # names of pixels that belong to no class

    def table(self) -> NDArray[np.uint8]:
        """The new id of each id of the source's masks, uint8 (256,): 255 for names that are left out."""
        table = np.full(256, IGNORE, np.uint8)
        table[0] = 0
        for i, name in enumerate(self.names[: IGNORE - 1], 1):
            target = self.targets[name]
            if target is not None:
                table[i] = self.classes.index(target) + 1
            elif name in self.background:
                table[i] = 0
        return table


def choose_classes(parsed: ParsedSource, data: DataParams) -> tuple[ClassMapping, list[Problem]]:
    """The classes of `data.classes`, else all names of the source after `data.rename`.

    A name that is renamed to nothing, or to no class, is left out. Names of the background and of pixels that
    do not count are no classes, unless `data.classes` lists them.
    """
    labels = labels_of(parsed.records)
    targets = {name: data.rename.get(name, name) for name in (*parsed.names, *parsed.classes, *labels)}
    listed_names = set(data.classes or ())
    background = frozenset(
        n for n, t in targets.items() if t and t not in listed_names and means_background(t)
    )
    ignored = frozenset(n for n, t in targets.items() if t and t not in listed_names and means_ignore(t))
    used = [t for name in parsed.classes if (t := targets[name]) and name not in background | ignored]
    classes = data.classes if data.classes is not None else tuple(dict.fromkeys(used))
    listing = parsed.file.parent / CLASS_LIST
    file = listing if listing.exists() else parsed.file
    file = file if data.classes is None else Path("params.yaml")
    problems = _check_classes(file, classes, data.classes or parsed.classes)
    problems += _check_rename(sorted({*parsed.names, *labels}), data)
    known = set(classes)
    kept = {name: target if target in known else None for name, target in targets.items()}
    unknown = frozenset(labels) - {*parsed.names, *classes, *data.rename} - background - ignored
    problems += _meanings(parsed, background - set(data.rename), ignored - set(data.rename))
    problems += _garbled(parsed, {*parsed.names, *labels} - set(data.rename))
    return ClassMapping(classes, kept, parsed.names, unknown, background, ignored), problems


def leave_out_unseen(
    parsed: ParsedSource, data: DataParams
) -> tuple[ClassMapping, list[SourceRecord], list[Problem]]:
    """What `choose_classes` and `with_classes` return, with the problems of both.

    Where `data.classes` is not set, classes that no image of train can show are left out.
    """
    mapping, problems = choose_classes(parsed, data)
    records, dropped = with_classes(parsed, mapping)
    trained = set(labels_of(record for record in records if record.split in (None, "train")))
    unseen = [name for name in mapping.classes if name not in trained]
    if data.classes is not None or not unseen or not trained:
        return mapping, records, [*problems, *dropped]
    counts = Counter(label for record in records for label in record.labels)
    named = [f"{name!r} ({counts[name]} images elsewhere)" for name in unseen]
    expected, advice = "an image of each class in train", "These classes are left out."
    kept = tuple(name for name in mapping.classes if name in trained)
    mapping, _ = choose_classes(parsed, data.model_copy(update={"classes": kept}))
    records, dropped = with_classes(parsed, mapping)
    warnings = warn_of(named, "without one", parsed.file, expected, advice)
    return mapping, records, [*problems, *warnings, *dropped]


def unknown_labels(parsed: ParsedSource, mapping: ClassMapping) -> list[Problem]:
    """A problem for each label that is unknown, with the class that it resembles."""
    expected = f"labels of the classes {listed(mapping.classes)}"
    advice = {}
    for label in mapping.unknown:  # once for each label: it is compared with every class
        close = get_close_matches(label, mapping.classes, 1)
        otherwise = "Correct it, add it to the classes, or leave it out (data.rename, --rename NAME=null)."
        advice[label] = f"Did you mean {close[0]!r}?" if close else otherwise
    return [
        problem_at(record.location, expected, repr(label), advice[label])
        for record in parsed.records
        for label in record.labels
        if label in mapping.unknown
    ]


def with_classes(parsed: ParsedSource, mapping: ClassMapping) -> tuple[list[SourceRecord], list[Problem]]:
    """The records with classes as labels, without the images that show nothing but left-out classes.

    Outlines of the background are no outlines: where they lie over an object, they must not hide it.
    """
    records, dropped = [], []
    no_outlines = {i for i, name in enumerate(mapping.names, 1) if name in mapping.background}
    for record in parsed.records:
        mask = record.mask
        if isinstance(mask, tuple) and no_outlines:
            mask = tuple(shape for shape in mask if shape.class_id not in no_outlines)
        targets = [mapping.targets[label] for label in record.labels]
        labels = tuple(dict.fromkeys(target for target in targets if target is not None))
        # Where outlines say which pixels do not count, the others are background.
        meant = mapping.background | (mapping.ignored if isinstance(mask, tuple) else frozenset())
        shown = record.more or not meant.issuperset(record.labels)
        # A record with an unknown label is an error already.
        if labels or not shown or mapping.unknown & set(record.labels):
            records.append(replace(record, labels=labels, mask=mask))
        else:
            dropped.append(record.name)
    expected = "a chosen class in each image that has labels"
    advice = "They are left out, since they show other things than background."
    return records, warn_of(dropped, "without one", parsed.file, expected, advice)


def _meanings(parsed: ParsedSource, background: Set[str], ignored: Set[str]) -> list[Problem]:
    """Warnings that count the labels that are no classes because of what their names say."""
    counts = Counter(label for record in parsed.records for label in record.labels)
    advice = "If it is a class, give it another name (data.rename, --rename NAME=CLASS)."
    return [
        Problem(parsed.file, "names of classes", f"{listed(named)}: {meaning}", advice, fatal=False)
        for names, meaning in ((background, "no label"), (ignored, "no class, and 255 in masks"))
        if (named := [f"{name!r} ({counts[name]} images)" for name in sorted(names) if counts[name]])
    ]


def _garbled(parsed: ParsedSource, names: Set[str]) -> list[Problem]:
    """A warning on names that look like text of another encoding, with a file that has each of them."""
    files = {label: record.location.file for record in reversed(parsed.records) for label in record.labels}
    found = [f"{name!r} ({files.get(name, parsed.file).name})" for name in sorted(names) if is_garbled(name)]
    advice = "Save the file as UTF-8; let XML name the encoding that it has. If the name is right, keep it."
    return warn_of(found, "that may be another", parsed.file, "names in the encoding of their file", advice)


def _check_classes(file: Path, classes: Sequence[str], written: Sequence[str]) -> list[Problem]:
    """Repetitions count where they were `written`: `data.rename` merges names on purpose."""
    problems = []
    if not 1 <= len(classes) < IGNORE:
        some = "Pick some of them: data.classes, or --classes A,B."
        advice = some if classes else "Give at least one image a label, or list the classes."
        problems.append(Problem(file, f"1 to {IGNORE - 1} classes", str(len(classes)), advice))
    repeated = sorted(name for name, count in Counter(written).items() if count > 1)
    if repeated:
        got = f"{listed(repeated)} again"
        problems.append(Problem(file, "each class once", got, "Delete the repetition."))
    return problems


def _check_rename(names: Sequence[str], data: DataParams) -> list[Problem]:
    """A warning on names that the data do not have: often they are misspelt."""
    unknown = sorted(set(data.rename) - set(names))
    if not unknown:
        return []
    close = [match for name in unknown for match in get_close_matches(name, names, 1)]
    advice = f"Did you mean {listed(close)}?" if close else f"The data have {listed(names)}."
    expected = "names of the data in data.rename"
    return [Problem(Path("params.yaml"), expected, listed(unknown), advice, fatal=False)]
