"""The classes of a data set: picked, ordered, renamed, merged or left out by the parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.sources.records import ParsedSource, SourceRecord
from pipeline.params import DataParams


@dataclass(frozen=True)
class ClassMapping:
    """The classes, and what becomes of each name of the source."""

    classes: tuple[str, ...]
    targets: dict[str, str | None]  # name of the source -> class; None: left out
    names: tuple[str, ...]  # of the source, in the order of the ids of its masks
    unknown: frozenset[str]  # labels that are neither a class nor a name of the source: misspelt, most likely

    def table(self) -> NDArray[np.uint8]:
        """The new id of each id of the source's masks, uint8 (256,): 255 for names that are left out."""
        table = np.full(256, IGNORE, np.uint8)
        table[0] = 0
        for i, name in enumerate(self.names[: IGNORE - 1]):
            target = self.targets[name]
            table[i + 1] = IGNORE if target is None else self.classes.index(target) + 1
        return table


def choose_classes(parsed: ParsedSource, data: DataParams) -> tuple[ClassMapping, list[Problem]]:
    """The classes of `data.classes`, else all names of the source after `data.rename`.

    A name that is renamed to nothing, or to no class, is left out.
    """
    used = [target for name in parsed.classes if (target := data.rename.get(name, name))]
    classes = data.classes if data.classes is not None else tuple(dict.fromkeys(used))
    problems = _check_classes(_file_of_classes(parsed, data), data.classes or (), classes, parsed.classes)
    problems += _check_rename(parsed, data)
    labels = {label for record in parsed.records for label in record.labels}
    targets = {name: data.rename.get(name, name) for name in (*parsed.names, *sorted(labels))}
    kept = {name: target if target in classes else None for name, target in targets.items()}
    unknown = labels - {*parsed.names, *classes, *data.rename}
    return ClassMapping(classes, kept, parsed.names, frozenset(unknown)), problems


def unknown_labels(parsed: ParsedSource, mapping: ClassMapping) -> list[Problem]:
    """A problem for each label that is unknown, with the class that it resembles."""
    expected = f"labels of the classes {listed(mapping.classes)}"
    advice = {
        label: _advice(label, mapping.classes) for label in mapping.unknown
    }  # a comparison with each class
    return [
        Problem(record.location.file, expected, repr(label), advice[label], record.location)
        for record in parsed.records
        for label in record.labels
        if label in mapping.unknown
    ]


def _advice(label: str, classes: Sequence[str]) -> str:
    close = get_close_matches(label, classes, 1)
    otherwise = "Correct it, add it to the classes, or leave it out with data.rename."
    return f"Did you mean {close[0]!r}?" if close else otherwise


def relabelled(parsed: ParsedSource, mapping: ClassMapping) -> tuple[list[SourceRecord], list[Problem]]:
    """The records with classes as labels, without those that show nothing but what is left out.

    Those are no background: a model that learnt them as such would learn not to see what is in them.
    """
    records, dropped = [], []
    for record in parsed.records:
        targets = [mapping.targets[label] for label in record.labels]
        labels = tuple(dict.fromkeys(target for target in targets if target is not None))
        # A record with an unknown label is an error already.
        if labels or not (record.labels or record.more) or mapping.unknown & set(record.labels):
            records.append(replace(record, labels=labels))
        else:
            dropped.append(record.name)
    if not dropped:
        return records, []
    got = f"{len(dropped)} without one: {listed(dropped)}"
    advice = "They are left out, since they show other things than background."
    expected = "a chosen class in each image that has labels"
    return records, [Problem(parsed.file, expected, got, advice, fatal=False)]


def _file_of_classes(parsed: ParsedSource, data: DataParams) -> Path:
    listing = parsed.file.parent / "classes.txt"
    if data.classes is not None:
        return Path("params.yaml")
    return listing if listing.exists() else parsed.file


def _check_classes(
    file: Path, given: Sequence[str], classes: Sequence[str], names: Sequence[str]
) -> list[Problem]:
    """Repetitions count where they were written; that `data.rename` merges names is on purpose."""
    problems = []
    if not 1 <= len(classes) < IGNORE:
        advice = "Give at least one image a label, or list the classes."
        problems.append(Problem(file, f"1 to {IGNORE - 1} classes", str(len(classes)), advice))
    written = given or names
    repeated = sorted({name for name in written if written.count(name) > 1})
    if repeated:
        problems.append(
            Problem(file, "each class once", f"{listed(repeated)} again", "Delete the repetition.")
        )
    return problems


def _check_rename(parsed: ParsedSource, data: DataParams) -> list[Problem]:
    """A warning on names that the data do not have: often they are misspelt."""
    names = {*parsed.names, *(label for record in parsed.records for label in record.labels)}
    unknown = sorted(set(data.rename) - names)
    if not unknown:
        return []
    close = [match for name in unknown for match in get_close_matches(name, sorted(names), 1)]
    advice = f"Did you mean {listed(close)}?" if close else f"The data have {listed(sorted(names))}."
    where = Path("params.yaml")
    return [Problem(where, "names of the data in data.rename", listed(unknown), advice, fatal=False)]
