"""Which split each record is in, and what is wrong with the splits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.base.problems import Problem
from pipeline.data.groups import groups_of
from pipeline.data.manifest import Split
from pipeline.data.sources.records import SourceRecord, labels_of
from pipeline.data.val_split import choose_val

ADD_IMAGES = {  # by the suffix of the file of labels
    ".csv": "Add a line for each image.",
    "": "Is it the folder with the export and its images? docs/data.md shows what each kind holds.",
}


def assign_splits(
    file: Path, records: Sequence[SourceRecord], share: float, seed: int
) -> tuple[dict[str, Split], list[Problem]]:
    """The split of each name. Tells where it is not the source that decided."""
    if not records:
        advice = ADD_IMAGES.get(file.suffix, ADD_IMAGES[""])
        return {}, [Problem(file, "at least one image", "none", advice)]
    splits: dict[str, Split] = {record.name: record.split or "train" for record in records}
    unsaid = [record for record in records if record.split is None]
    if "val" in splits.values():
        got, advice = f"{len(unsaid)} without one", "They are used for training."
        return splits, [Problem(file, "a split in each line", got, advice, fatal=False)] if unsaid else []
    train = [record for record in records if record.split == "train"]
    candidates = unsaid or train
    placed = {record.group for record in records if record.split is not None} if unsaid else set()
    kept = [r for r in train if unsaid] + [r for r in candidates if r.group and r.group in placed]
    candidates = [r for r in candidates if not r.group or r.group not in placed]
    labels = {record.name: record.labels for record in candidates}
    val = choose_val(labels, share, seed, [record.labels for record in kept], groups_of(candidates))
    if not val:
        got = "none, and too few images to set some aside"
        return splits, [Problem(file, "a split val", got, "Add images.")]
    advice = f"{len(val)} of {len(candidates)} images are set aside for it by the seed (data.val_share)."
    splits |= dict.fromkeys(val, "val")
    return splits, [Problem(file, "a split val", "none", advice, fatal=False)]


def unseen_classes(
    file: Path, records: Sequence[SourceRecord], classes: Sequence[str], splits: Mapping[str, Split]
) -> list[Problem]:
    """A problem for each class that no record of `train` shows."""
    seen = labels_of(record for record in records if splits[record.name] == "train")
    expected, advice = (
        "an image of each class in train",
        "Label one, or pick classes without it (data.classes, --classes).",
    )
    return [Problem(file, expected, f"none of {name!r}", advice) for name in classes if name not in seen]
