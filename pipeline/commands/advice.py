"""Finds what may be a mistake in a data set without errors: copies, spellings, sizes, rare classes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import listed, printable
from pipeline.base.sizes import working_size
from pipeline.commands.overview import images_per_class
from pipeline.data.duplicates import look_alikes
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.names import NO_LABEL, may_mean_nothing

SHOWN = 5  # pairs
ALIKE = ("across the splits, which makes scores too good", "within a split", "and have other labels")
RARER = 5  # times: a misspelling has this many times fewer images than the right spelling
FEW_WITHOUT = 20  # images of train that lack a class: a level measured on fewer says little
FEW = 50  # images of a class in train: fewer teach little
UNEVEN = 10  # times: a rare class has this many times fewer images than the largest class


def advise(
    manifest: Manifest,
    hashes: Mapping[str, int],
    thumbnails: Mapping[str, bytes],
    long_side: int,
    output_stride: int,
    *,
    small_objects: bool,
) -> list[str]:
    """A sentence for each possible mistake.

    Args:
        hashes: the `difference_hash` of each sample, by name.
        thumbnails: the `thumbnail` of each sample, by name.
        long_side: the working size in pixels.
        output_stride: pixels per cell of the classifier's feature map.
        small_objects: cells are measured against images without the class.
    """
    sentences = [
        *_duplicates(manifest, hashes, thumbnails),
        *_spellings(manifest),
        *_nothing(manifest),
        *_small(manifest, long_side, output_stride),
        *_uneven(manifest),
        *_few(manifest),
        *_everywhere(manifest),
        *(_without_level(manifest) if small_objects and manifest.background else ()),
    ]
    return [printable(sentence) for sentence in sentences]


def one_edit_apart(one: str, other: str) -> bool:
    """Whether one letter added, removed or changed turns one text into the other; case does not count."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest = short[same:] if len(short) < len(long) else short[same + 1 :]
    return short != long and rest == long[same + 1 :]


def _duplicates(
    manifest: Manifest, hashes: Mapping[str, int], thumbnails: Mapping[str, bytes]
) -> Iterator[str]:
    """Copies within a split count twice; copies across splits make scores too good."""
    samples = manifest.samples
    splits = _codes([sample.split for sample in samples])
    labels = _codes([sample.labels for sample in samples])
    counts = np.zeros(3, np.int64)
    shown: list[list[str]] = [[], [], []]
    names = [sample.name for sample in samples]
    for pairs in look_alikes([hashes[name] for name in names], [thumbnails[name] for name in names]):
        across, apart = (codes[pairs[:, 0]] != codes[pairs[:, 1]] for codes in (splits, labels))
        for kind, chosen in enumerate((across, ~across, apart)):
            counts[kind] += chosen.sum()
            first = pairs[chosen][: SHOWN - len(shown[kind])]
            shown[kind] += [f"{_named(samples[i])} = {_named(samples[j])}" for i, j in first]
    for count, pairs_shown, where in zip(counts, shown, ALIKE, strict=True):
        if count:
            more = f" and {count - SHOWN} more" if count > SHOWN else ""
            yield f"{count} pair(s) look alike {where}: {', '.join(pairs_shown)}{more}"


def _codes(values: Sequence[object]) -> NDArray[np.int64]:
    """A number for each value, the same number for equal values: int64 (n,)."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _named(sample: Sample) -> str:
    return f"{sample.name} ({sample.split})"


def _spellings(manifest: Manifest) -> Iterator[str]:
    """Names that differ by case, or by one letter if one name is rare: `boat` and `goat` are two classes."""
    counts = np.sum(list(images_per_class(manifest).values()), axis=0)
    for i, j in combinations(range(len(manifest.classes)), 2):
        one, other = manifest.classes[i], manifest.classes[j]
        rare, common = sorted((int(counts[i]), int(counts[j])))
        misspelt = len(one) > 2 and rare * RARER <= common and one_edit_apart(one, other)
        if one.casefold() == other.casefold() or misspelt:
            yield (
                f"{one!r} ({counts[i]} images) and {other!r} ({counts[j]}) are spelt alike: "
                "data.rename makes them one class"
            )


def _nothing(manifest: Manifest) -> Iterator[str]:
    """Classes that may be the images without anything of interest: as a class, they would get masks."""
    counts = np.sum(list(images_per_class(manifest).values()), axis=0)
    for name, count in zip(manifest.classes, counts, strict=True):
        if may_mean_nothing(name):
            option = f"--rename {quote(f'{name}={NO_LABEL}')}"  # as a shell reads it
            yield (
                f"{name!r} ({count} images) is a class: if it means that nothing is to be found, "
                f"data.rename {{{name!r}: {NO_LABEL}}} ({option}) makes it no label"
            )


def _small(manifest: Manifest, long_side: int, output_stride: int) -> Iterator[str]:
    narrow = [
        s.name for s in manifest.samples if min(working_size(s.height, s.width, long_side)) < output_stride
    ]
    if narrow:
        yield (
            f"{len(narrow)} image(s) are narrower than one cell of the feature map ({output_stride} pixels "
            f"at data.long_side {long_side}): {listed(narrow)}"
        )
    enlarged = [s.name for s in manifest.samples if max(s.height, s.width) * 4 < long_side]
    if enlarged:
        yield f"{len(enlarged)} image(s) are enlarged more than four times: {listed(enlarged)}"


def _everywhere(manifest: Manifest) -> Iterator[str]:
    """Classes that all training images have: nothing tells them apart from the background."""
    train = manifest.split("train")
    counts = images_per_class(manifest)["train"]
    for name, count in zip(manifest.classes, counts, strict=True):
        if train and count == len(train):
            yield f"no image of train is without {name!r}: add images without it, with an empty label"


def _without_level(manifest: Manifest) -> Iterator[str]:
    """Classes whose cells are measured against few images or none."""
    train = manifest.split("train")
    others = [len(train) - int(count) for count in images_per_class(manifest)["train"]]
    few = [f"{n} ({count})" for n, count in zip(manifest.classes, others, strict=True) if count < FEW_WITHOUT]
    if few:
        yield (
            f"classes that fewer than {FEW_WITHOUT} images of train are without: {listed(few)}; "
            "small objects have little to be measured against: add images without them, or set "
            "heatmaps.objects: large"
        )


def _few(manifest: Manifest) -> Iterator[str]:
    counts = images_per_class(manifest)["train"]
    few = [f"{name} ({count})" for name, count in zip(manifest.classes, counts, strict=True) if count < FEW]
    if few:
        yield f"classes with fewer than {FEW} images in train: {listed(few)}; heatmaps of them will be rough"


def _uneven(manifest: Manifest) -> Iterator[str]:
    counts = [int(count) for count in images_per_class(manifest)["train"]]
    named = [f"{name} ({count})" for name, count in zip(manifest.classes, counts, strict=True)]
    rare = [text for text, count in zip(named, counts, strict=True) if count * UNEVEN < max(counts)]
    if rare:
        most = named[counts.index(max(counts))]
        yield f"classes with less than a tenth of the images of {most} in train: {listed(rare)}"
