"""Formats tables and durations for the terminal."""

from collections.abc import Sequence

from pipeline.base.problems import printable


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    cells = [[printable(str(cell)) for cell in row] for row in [header, *rows]]
    first, *widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(row, widths, strict=True))])
        for name, *row in cells
    ]
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, to about two digits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    return f"{seconds:.0f} s"
