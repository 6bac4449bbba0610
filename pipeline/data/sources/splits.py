"""Which split a name means, and lists of files that say it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from pipeline.base.problems import Problem, listed
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import collected, warn_of
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.listing import ends
from pipeline.data.sources.records import ParsedSource, SourceRecord, stem

WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trainset", "trainaug"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "valset", "dev", "devel"), "val"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
PARTS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])")  # words, also those of `TrainImages`


def split_of(text: str) -> Split | None:
    """The split that a name means by one of its words: `train2017`, `seg_train`, `Test`, `val_annotations`.

    None without such a word, and where several mean different splits (`train_val`).
    """
    words = {word.casefold() for word in (*PARTS.findall(text), *re.split(r"[\W\d_]+", text))}
    found = {WORDS[word] for word in words if word in WORDS}
    return found.pop() if len(found) == 1 else None


def without_split(text: str) -> str:
    """A name without the word for its split: `cats` of `train_cats`, `TestCats` and `cats-val`."""
    rest = PARTS.sub(lambda word: "" if word.group().casefold() in WORDS else word.group(), text)
    return re.sub(r"([\W_])[\W_]+", r"\1", re.sub(r"^[\W_]+|[\W_]+$", "", rest))


def split_of_path(name: str) -> Split | None:
    """The split that the folders of a file mean, the innermost first; None if none of them does."""
    folders = reversed(PurePosixPath(name).parts[:-1])
    return next((split for part in folders if (split := split_of(part))), None)


def with_listed_splits(folder: Path, parsed: ParsedSource) -> ParsedSource:
    """The records, with the splits of files such as train.txt and val.txt where no other split is known."""
    files = _split_lists(folder)
    if not files or any(record.split for record in parsed.records):
        return parsed
    by_end = _by_end(parsed.records)
    problems: list[Problem] = []
    splits: dict[str, Split] = {}
    again: list[str] = []
    for file, split in files:
        with collected(problems):
            for line in read_text_file(folder, file, "a list of images in UTF-8").splitlines():
                for name in _named(line, by_end):
                    again += [name] if splits.setdefault(name, split) != split else []
    names = listed([file.name for file, _ in files])
    problems += warn_of(
        again, f"in several of {names}", folder, "each image in one split", "The first counts."
    )
    if not splits:
        return replace(parsed, problems=(*parsed.problems, *problems))
    left = [record.name for record in parsed.records if record.name not in splits]
    advice = "They are left out; add them to a list to use them."
    problems += warn_of(left, f"in none of {names}", folder, "each image in a list of a split", advice)
    kept = tuple(replace(r, split=splits[r.name]) for r in parsed.records if r.name in splits)
    return replace(parsed, records=kept, problems=(*parsed.problems, *problems))


def _split_lists(folder: Path) -> list[tuple[Path, Split]]:
    """Text files whose whole name is a split: in the folder, one level down, or among the lists of VOC."""
    lists = [f"{depth}ImageSets/Segmentation/*.txt" for depth in ("", "*/", "*/*/")]
    files = sorted(file for pattern in ("*.txt", "*/*.txt", *lists) for file in folder.glob(pattern))
    named = [(file, WORDS.get(file.stem.casefold().rstrip("0123456789"))) for file in files if file.is_file()]
    return [(file, split) for file, split in named if split is not None]


def _by_end(records: Iterable[SourceRecord]) -> dict[str, list[str]]:
    """The names of the records of each end of their files, with and without suffix."""
    names = {record.image: record.name for record in records}
    found: dict[str, list[str]] = {}
    for reading in (names, {stem(image): name for image, name in names.items()}):
        for end, files in ends(reading).items():
            found.setdefault(end, [reading[file] for file in files])
    return found


def _named(line: str, by_end: dict[str, list[str]]) -> Sequence[str]:
    """The records that a line means: by the longest end that records have, of the line or its first word."""
    for text in (line.strip(), (line.split() or [""])[0]):
        parts = [part for part in re.split(r"[/\\]", normalize("NFC", text)) if part not in ("", ".", "..")]
        for start in range(len(parts)):
            found = by_end.get("/".join(parts[start:]), ())
            if found:
                return found if len(found) == 1 else ()
    return ()
