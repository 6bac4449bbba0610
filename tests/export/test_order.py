"""Which masks come first."""

from pathlib import Path

from pipeline.export.items import ExportItem
from pipeline.export.order import correction_order


def test_the_most_doubtful_come_first_and_equal_ones_by_name(items: tuple[ExportItem, ...]) -> None:
    names = ["b/photo", "b/über all", "grey.v2", "turned", "a/photo"]
    assert [item.name for item in items] == names
    assert correction_order(items[::-1]) == items


def item(name: str, labels: tuple[int, ...], confidence: float, corrected: bool = False) -> ExportItem:
    return ExportItem(name, Path(name), Path(name), 1, 1, "train", labels, confidence, corrected, (1, 1))


def test_classes_come_in_turn_and_settled_masks_last() -> None:
    doubtful = [item(f"many-{i}", (1,), 0.1 * i) for i in range(4)]
    waiting = [item("rare", (0,), 0.4), item("rarer", (0,), 0.9), item("empty", (), 0.9)]
    settled = [item("corrected", (0,), 1, True), item("also", (), 1)]
    names = [i.name for i in correction_order([*settled, *waiting, *doubtful])]
    # Turns of (background, 0, 1): after the settled ones (1, 1, 0), then (1, 1, 1), (1, 1, 2), (1, 2, 2), ...
    assert names == ["many-0", "many-1", "rare", "empty", "many-2", "rarer", "many-3", "also", "corrected"]
    assert correction_order(correction_order([*settled, *waiting, *doubtful])) == correction_order(
        [*waiting, *doubtful, *settled]
    )
    assert correction_order([]) == ()


def test_an_image_of_several_classes_is_a_turn_of_each() -> None:
    both, single = (
        item("both", (0, 1), 0.3),
        [item("a", (0,), 0.4), item("b", (1,), 0.5), item("c", (2,), 0.9)],
    )
    # `both` leaves only class 2 without a turn; by doubt alone `c` would be the last.
    assert [i.name for i in correction_order([both, *single])] == ["both", "c", "a", "b"]


def test_who_was_corrected_is_told_by_name_and_not_by_a_confidence() -> None:
    # 0.99996 is written as 1: that mask waits for its turn still, and the corrected one does not.
    items = [item("a", (0,), round(0.99996, 4)), item("b", (0,), 1, True), item("c", (1,), 0.9)]
    assert [i.name for i in correction_order(items)] == ["c", "a", "b"]
    assert [i.name for i in correction_order([item("z", (0,), 0.2, True), item("y", (0,), 1)])] == ["y", "z"]
