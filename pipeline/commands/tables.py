"""Tables and numbers for the terminal."""

from collections.abc import Sequence

from pipeline.base.problems import printable


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    cells = [[printable(str(cell)) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(_line(row, widths) for row in cells)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, to about two digits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    return f"{seconds:.0f} s"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.ljust(w) if i == 0 else cell.rjust(w)
        for i, (cell, w) in enumerate(zip(row, widths, strict=True))
    ]
    return "  " + "  ".join([first, *others]).rstrip()
