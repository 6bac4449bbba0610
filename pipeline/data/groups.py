"""Groups of images of one source (a patient, a slide, a photo that was cut): no drawn split parts one."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import pairwise
from math import gcd

from pipeline.base.problems import Problem, listed
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.records import ParsedSource, SourceRecord, labels_of
from pipeline.data.sources.splits import split_of

NUMBERED = re.compile(r"(.*?)[ _.(-]*(\d{1,9})\)?")  # what stands before the last number of a name
FEWEST = 3  # sources
MOST_SPARSE = 4  # steps between the first and the last number of a series, for each image
COMMON = {"image", "img", "photo", "picture", "pic", "frame", "dsc", "train", "val", "test"}  # no sources


def with_groups(records: Sequence[SourceRecord], group_by: str | None) -> list[SourceRecord]:
    """The records with the groups that `group_by`, a pattern with a group, finds in their names.

    Without it, the groups of the source stay.
    """
    if group_by is None:
        return list(records)
    pattern = re.compile(group_by)
    found = [pattern.search(record.name) for record in records]
    return [
        replace(r, group=(m.group(1) or None) if m else None) for r, m in zip(records, found, strict=True)
    ]


def group_problems(
    parsed: ParsedSource, records: Sequence[SourceRecord], splits: Mapping[str, Split], group_by: str | None
) -> list[Problem]:
    """Warnings on groups that splits part, on images without one, and on likely groups without a name."""
    groups: dict[str, set[Split]] = defaultdict(set)
    for record in records:
        if record.group is not None:
            groups[record.group].add(splits[record.name])
    if not groups:
        return _likely_groups(parsed, records, splits, group_by)
    alone = [record.name for record in records if record.group is None]
    parted = sorted(group for group, used in groups.items() if len(used) > 1)
    expected, advice = "a group for each image", "Each of them is a group of its own."
    whole = "groups that lie in one split"
    remedy = "Scores are too good where val shows what train has seen: give a group one split."
    return [
        *warn_of(alone, "without one", parsed.file, expected, advice),
        *warn_of(parted, "in several splits", parsed.file, whole, remedy),
    ]


def groups_of(records: Iterable[SourceRecord]) -> dict[str, str]:
    """The groups by name, of the records that have one."""
    return {record.name: record.group for record in records if record.group is not None}


def likely_groups(names: Sequence[str], labels: Iterable[str]) -> dict[str, list[str]]:
    """Names of images by what stands before their numbers, where that looks like sources cut or filmed.

    A class or a split is no source, and numbers without a series are those of single images.
    """
    series: dict[str, dict[int, str]] = defaultdict(dict)
    for name in names:
        if match := NUMBERED.fullmatch(name):
            series[match.group(1)][int(match.group(2))] = name
    common = COMMON | {word for label in labels for word in _words(label)}
    sources = {
        source: list(numbered.values())
        for source, numbered in series.items()
        if _is_series(sorted(numbered))
        and not common.issuperset(_words(_without_splits(source)))
        and not _repeats_folders(source, common)
    }
    most = sum(map(len, sources.values())) >= len(names) / 2
    return sources if most and len(sources) >= FEWEST else {}


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


def _without_splits(source: str) -> str:
    """A source without its folders that are named as splits: `cats/` of `seg_train/cats/`."""
    *folders, name = source.split("/")
    return "/".join([*(part for part in folders if split_of(part) is None), name])


def _repeats_folders(source: str, common: Set[str]) -> bool:
    """Whether a file is called by words of its folders alone, as programs do: `train/seg/cats/seg_cats`."""
    folders, _, name = source.rpartition("/")
    words = _words(name)
    return bool(words) and all(word.isalpha() for word in words) and {*_words(folders), *common} >= {*words}


def _is_series(numbers: Sequence[int]) -> bool:
    """Whether rising numbers follow each other, maybe in steps: 0, 256, 512."""
    if len(numbers) < 2:
        return False
    step = gcd(*(after - before for before, after in pairwise(numbers)))
    return (numbers[-1] - numbers[0]) // step < MOST_SPARSE * len(numbers)


def _likely_groups(
    parsed: ParsedSource, records: Sequence[SourceRecord], splits: Mapping[str, Split], group_by: str | None
) -> list[Problem]:
    if group_by is not None:
        advice = "Write the pattern so that its first (...) finds the source in the names of the images."
        got = f"none in {listed([record.name for record in records], 3)}"
        return [Problem(parsed.file, f"groups by {group_by!r}", got, advice, fatal=False)]
    sources = likely_groups([record.name for record in records], labels_of(parsed.records))
    parted = [s for s, names in sources.items() if len({splits[name] for name in names}) > 1]
    if not parted:
        return []
    shown = sources[parted[0]]
    got = f"{len(parted)} of {len(sources)} sources in several splits, such as {listed(sorted(shown), 3)}"
    advice = (
        "If such images are parts or views of one source, scores are too good: name the source in a column "
        "`group`, or by --group-by '^(.*?)[ _.-]*\\d+$' (data.group_by)."
    )
    where = parsed.file
    return [Problem(where, "images of one source in one split", got, advice, fatal=False)]
