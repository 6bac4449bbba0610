"""The `mvtec` source: good images for training, and a test of good ones and of each kind of defect."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import BadEntry, warn_of
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_colours import read_colours
from pipeline.data.sources.records import ClassMask, ParsedSource, SourceRecord, class_name, stem

GOOD = "good"
MASKS = "ground_truth"
EVERY = 3  # of the images of a kind, one of three measures


def read_folder(folder: Path) -> ParsedSource:
    """The kinds below test/ are the classes; their masks lie in ground_truth/KIND/NAME_mask.png.

    Images in a folder `good` have no label and an empty mask. A class needs images to be learnt from: of each
    kind, every third image stays in `test`, and the others move to `train` and `val`.
    """
    products = products_below(folder)
    if products:
        got = f"{len(products)} of them: {listed(products)}"
        raise BadEntry(Problem(folder, "the folder of one product", got, f"Give {folder / products[0]}."))
    problems: list[Problem] = []
    images = images_below(folder, problems)
    masks = {_mask_key(name): name for name in images if name.startswith(f"{MASKS}/")}
    by_kind: dict[str, list[str]] = defaultdict(list)
    loose = []
    for name in images:
        top, *below = PurePosixPath(name).parts
        if len(below) > 1 and top != MASKS:
            by_kind[below[0] if top == "test" else GOOD].append(name)
        elif top != MASKS:
            loose.append(name)
    labels = tuple(sorted({class_name(kind) for kind in by_kind if kind != GOOD}))
    records = [
        _record(folder, name, kind, position, masks, labels)
        for kind, names in by_kind.items()
        for position, name in enumerate(names)
    ]
    problems += warn_of(
        loose, "others", folder, "images in train/, test/ and their folders", "They are left out."
    )
    problems += _moved(folder, records)
    colours = read_colours(folder, labels, problems)
    return ParsedSource(folder, tuple(records), labels, labels, tuple(problems), folder / MASKS, colours)


def products_below(folder: Path) -> list[str]:
    """Folders of products, where the folder holds several of them."""
    return sorted(good.parent.parent.name for good in folder.glob(f"*/train/{GOOD}") if good.is_dir())


def _record(
    folder: Path,
    name: str,
    kind: str,
    position: int,
    masks: dict[tuple[str, str], str],
    classes: Sequence[str],
) -> SourceRecord:
    location = Location(folder / name)
    test = name.startswith("test/")
    if kind == GOOD:
        return SourceRecord(stem(name), name, (), location, "test" if test else None, mask=())
    file = masks.get((kind, PurePosixPath(name).stem))
    mask = (ClassMask(classes.index(class_name(kind)) + 1, file),) if file else None
    split: Split | None = "test" if position % EVERY == EVERY - 1 else None
    return SourceRecord(stem(name), name, (class_name(kind),), location, split, mask=mask)


def _mask_key(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return path.parent.name, path.stem.removesuffix("_mask")


def _moved(folder: Path, records: list[SourceRecord]) -> list[Problem]:
    """The warning that images of defects were taken out of the test."""
    moved = Counter(record.labels[0] for record in records if record.labels and record.split is None)
    total = Counter(record.labels[0] for record in records if record.labels)
    if not moved:
        return []
    got = "them in test/ alone: " + listed(
        [f"{moved[kind]} of {total[kind]} {kind}" for kind in sorted(moved)]
    )
    advice = (
        "These move to train and val, since a class needs images to be learnt from; the others stay in test."
    )
    return [Problem(folder, "images of each kind in train/", got, advice, fatal=False)]
