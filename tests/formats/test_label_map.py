"""Label maps: as CVAT writes them, and there and back."""

import pytest

from pipeline.formats.label_map import format_label_map, parse_label_map

ENTRIES = [("background", (0, 0, 0)), ("big cat", (128, 0, 0)), ("été", (1, 20, 255))]


def test_what_is_written_comes_back() -> None:
    text = format_label_map(ENTRIES)
    assert text.splitlines()[:2] == ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    assert [entry for _, _, entry in parse_label_map(text)] == ENTRIES
    assert [number for number, _, _ in parse_label_map(text)] == [2, 3, 4]


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("cat:1,2,3", ("cat", (1, 2, 3))),
        (" cat:1,2,3:tail,head:run ", ("cat", (1, 2, 3))),
        ("a:b:1,2,3", ("a:b", (1, 2, 3))),
        ("cat:1,2,256", None),
        ("cat:1,2", None),
        ("cat:1,2,3,4", None),
        (":1,2,3", None),
        ("cat:\u0661,2,3", None),  # a digit, but not of ASCII
    ],
)
def test_lines(line: str, entry: object) -> None:
    assert list(parse_label_map(f"\n# cat:9,9,9\n{line}\n")) == [(3, line, entry)]
