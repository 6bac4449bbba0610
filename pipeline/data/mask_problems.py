"""What is wrong with the masks of a folder, and where masks and labels contradict each other."""

from collections import Counter
from collections.abc import Iterator, Sequence, Set

from pipeline.base.problems import Problem, listed
from pipeline.data.classes import ClassMapping
from pipeline.data.images import IGNORE
from pipeline.data.mask_survey import TINY, DecodedRecord
from pipeline.data.names import NO_LABEL
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.records import ParsedSource

A_FEW, SHARE = 3, 0.1  # images, and share of the images with a mask: labels that no mask bears out


def mask_problems(
    parsed: ParsedSource, decoded: Sequence[DecodedRecord], mapping: ClassMapping, max_side: int
) -> list[Problem]:
    """The problems of all masks; those that name classes come first."""
    table = mapping.table()
    # A record with an unknown label is an error already.
    unclear = {record.name for record in parsed.records if mapping.unknown & set(record.labels)}
    clear = [(record, files) for record, files in decoded if record.name not in unclear]
    shown = [(record, _shown(files.ids or (), mapping)) for record, files in clear if files.ids is not None]
    masked = [(record.name, record.labels, classes) for record, classes in shown]
    # Pixels that do not count may be what a label means.
    whole = {r.name for r, files in clear if files.ids is not None and IGNORE not in table[list(files.ids)]}
    return [
        *_never_drawn(parsed, masked, whole),
        *_denied(parsed, masked),
        *_undrawn(parsed, decoded),
        *_tiny_objects(parsed, decoded, mapping, max_side),
    ]


def _shown(ids: Sequence[int], mapping: ClassMapping) -> set[str]:
    """The classes of the ids in a mask."""
    names = [mapping.names[i - 1] for i in ids if 1 <= i <= len(mapping.names)]
    return {target for name in names if (target := mapping.targets[name])}


Masked = Sequence[tuple[str, tuple[str, ...], set[str]]]  # name, labels, and classes in the mask


def _never_drawn(parsed: ParsedSource, masked: Masked, whole: Set[str]) -> Iterator[Problem]:
    """Labels that masks do not bear out: an error where they show no class at all."""
    labelled = Counter(label for _, labels, _ in masked for label in labels)
    drawn = Counter(name for _, _, shown in masked for name in shown)
    undrawn = [name for name in sorted(labelled) if not drawn[name]]
    never = [f"{name!r} ({labelled[name]} images)" for name in undrawn]
    if labelled and not drawn:
        expected = "a class in at least one mask"
        advice = "Correct the masks, say what their values mean (data.masks), or take all of them away."
        yield Problem(parsed.masks, expected, f"none of {listed(never)}", advice)
    elif never:
        expected = "each class in a mask of the images with its label"
        advice = "Its score will be null. Are the masks whole, and their ids in the order of the classes?"
        empty = [repr(name) for name in undrawn if all(_is_empty(name, *entry) for entry in masked)]
        if empty:
            advice += f" If {listed(empty)} means that nothing is to be found: --rename NAME={NO_LABEL}."
        yield Problem(parsed.masks, expected, f"no pixel of {listed(never)}", advice, fatal=False)
    missing = [
        f"{name} ({listed(sorted(lacking))})"
        for name, labels, shown in masked
        if name in whole
        and shown <= set(labels)
        and (lacking := {label for label in labels if drawn[label]} - shown)
    ]
    if len(missing) > max(A_FEW, SHARE * len(masked)):
        expected = "masks with all labels of their images"
        advice = "Labels without a pixel make scores too low; correct the labels, or leave these masks out."
        yield from warn_of(missing, "without one of them", parsed.masks, expected, advice)


def _is_empty(name: str, _sample: str, labels: tuple[str, ...], shown: set[str]) -> bool:
    """Whether an image with the label `name` has no other label, and shows no class in its mask."""
    return name not in labels or (len(labels) == 1 and not shown)


def _denied(parsed: ParsedSource, masked: Masked) -> list[Problem]:
    """A warning where masks show classes that their labels deny: often the ids are in another order."""
    names = [name for name, labels, shown in masked if shown - set(labels)]
    expected = "masks with the classes of their labels only"
    advice = "Check that the ids are in the order of the classes; scores use the masks as they are."
    return warn_of(names, "with others", parsed.masks, expected, advice)


def _undrawn(parsed: ParsedSource, decoded: Sequence[DecodedRecord]) -> list[Problem]:
    """A warning on masks that cannot be read or drawn; an error where no mask of the folder can be."""
    names = [f"{record.name} ({files.undrawn})" for record, files in decoded if files.undrawn]
    expected = "masks that can be read, and outlines that can be drawn, in the size of their images"
    advice = "These images have no mask; their labels count."
    if names and not any(files.ids is not None for _, files in decoded):
        got, advice = f"none in {len(names)}: {listed(names)}", "Correct them, or take all masks away."
        return [Problem(parsed.masks, expected, got, advice)]
    return warn_of(names, "images with others", parsed.masks, expected, advice)


def _tiny_objects(
    parsed: ParsedSource, decoded: Sequence[DecodedRecord], mapping: ClassMapping, max_side: int
) -> list[Problem]:
    """A warning where a class of an image nearly vanishes in its working copy."""
    table = mapping.table()
    names = [r.name for r, files in decoded if any(0 < table[i] < IGNORE for i in files.tiny)]
    expected = f"at least {TINY} pixels of each class of an image at data.max_side {max_side}"
    advice = "Raise data.max_side, or cut the images: the stages see no more than this."
    return warn_of(names, "with fewer", parsed.masks, expected, advice)
