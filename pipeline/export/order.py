"""Which masks are worth correcting first."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from pipeline.export.items import Item

BACKGROUND = -1  # beside class indices


def correction_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """The classes in turn, of each the most doubtful mask that is left; then masks that are sure, by name.

    So a few masks from the top are of all classes. It is the turn of the class that came up least so far, of
    several the one with the most doubtful mask. A photo counts for each of its labels, one without labels for
    the background, and so do the sure ones, which somebody may have corrected before.
    """
    given = sorted(items, key=_doubt)
    sure = [item for item in given if item.confidence == 1]
    turns = Counter(label for item in sure for label in _turns_of(item))
    waiting: dict[int, deque[Item]] = defaultdict(deque)
    for item in given[: len(given) - len(sure)]:
        for label in _turns_of(item):
            waiting[label].append(item)
    taken: dict[str, Item] = {}
    while waiting:
        label = min(waiting, key=lambda label: (turns[label], _doubt(waiting[label][0])))
        item = waiting[label].popleft()
        if item.name not in taken:
            taken[item.name] = item
            turns.update(_turns_of(item))
        if not waiting[label]:
            del waiting[label]
    return (*taken.values(), *sure)


def _doubt(item: Item) -> tuple[float, str]:
    return item.confidence, item.name


def _turns_of(item: Item) -> tuple[int, ...]:
    return item.labels or (BACKGROUND,)
