"""Which masks are worth correcting first."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from pipeline.export.items import ExportItem

BACKGROUND = -1  # beside class indices


def correction_order(items: Iterable[ExportItem]) -> tuple[ExportItem, ...]:
    """The classes in turn, of each the most doubtful mask that is left; then settled masks, by name.

    So a few masks from the top are of all classes. It is the turn of the class that came up least so far; of
    several such classes, of the one with the most doubtful mask. An image counts for each of its labels, an
    image without labels for the background. Settled images count too.
    """
    given = sorted(items, key=_doubt)
    settled = sorted((item for item in given if _is_settled(item)), key=lambda item: item.name)
    turns = Counter(label for item in settled for label in _turns_of(item))
    waiting: dict[int, deque[ExportItem]] = defaultdict(deque)
    for item in (item for item in given if not _is_settled(item)):
        for label in _turns_of(item):
            waiting[label].append(item)
    taken: dict[str, ExportItem] = {}
    while waiting:
        label = min(waiting, key=lambda label: (turns[label], _doubt(waiting[label][0])))
        item = waiting[label].popleft()
        if item.name not in taken:
            taken[item.name] = item
            turns.update(_turns_of(item))
        if not waiting[label]:
            del waiting[label]
    return (*taken.values(), *settled)


def _is_settled(item: ExportItem) -> bool:
    """Corrected, or background by the labels and nothing else: there is nothing to correct."""
    return item.corrected or (not item.labels and item.confidence == 1)


def _doubt(item: ExportItem) -> tuple[float, str]:
    return item.confidence, item.name


def _turns_of(item: ExportItem) -> tuple[int, ...]:
    return item.labels or (BACKGROUND,)
