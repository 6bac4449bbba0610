"""Which masks are worth correcting first."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from statistics import fmean

from pipeline.export.items import Item

BACKGROUND = -1  # beside class indices


def correction_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """The classes in turn, of each the most doubtful mask that is left; then masks that are sure, by name.

    So a few masks from the top are of all classes. It is the turn of the class that came up least so far, of
    several the one with the most doubtful mask. A photo counts for each of its labels, one without labels for
    the background, and so do the sure ones, which somebody may have corrected before.

    Masks of many labels are nearly always less sure than those of few. So a mask is as doubtful as it is less
    sure than the mean of those with as many labels.
    """
    given = sorted(items, key=lambda item: item.name)
    sure = [item for item in given if item.confidence == 1]
    unsure = [item for item in given if item.confidence < 1]
    usual = _mean_confidence(unsure)

    def rank(item: Item) -> tuple[float, str]:
        return item.confidence - usual[len(item.labels)], item.name

    turns = Counter(label for item in sure for label in _turns_of(item))
    waiting: dict[int, deque[Item]] = defaultdict(deque)
    for item in sorted(unsure, key=rank):
        for label in _turns_of(item):
            waiting[label].append(item)
    taken: dict[str, Item] = {}
    while waiting:
        label = min(waiting, key=lambda label: (turns[label], rank(waiting[label][0])))
        item = waiting[label].popleft()
        if item.name not in taken:
            taken[item.name] = item
            turns.update(_turns_of(item))
        if not waiting[label]:
            del waiting[label]
    return (*taken.values(), *sure)


def _mean_confidence(items: Iterable[Item]) -> dict[int, float]:
    """By the number of labels."""
    groups: dict[int, list[float]] = defaultdict(list)
    for item in items:
        groups[len(item.labels)].append(item.confidence)
    return {count: fmean(group) for count, group in groups.items()}


def _turns_of(item: Item) -> tuple[int, ...]:
    return item.labels or (BACKGROUND,)
