"""Tables of labels as programs write them: signs between cells, Excel's first line, ends of lines."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import problem_at
from pipeline.data.sources.documents import read_text_file

DELIMITERS = ",;\t|"  # of equally many cells, the first
EXCEL = re.compile(r"""\s*"?sep=(.)"?\s*""")  # a first line that says what stands between cells
CELL_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class LabelTable:
    """The cells of a table, stripped of space."""

    file: Path
    header: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]  # number in the file, and cells; without empty lines
    delimiter: str = ","

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where each column stands; of several of one name, the last."""
        return {column: place for place, column in enumerate(self.header)}

    def column(self, name: str) -> list[str]:
        """The cells of a column, of the lines that have as many cells as the header."""
        place = self._places[name]
        return [cells[place] for _, cells in self.lines if len(cells) == len(self.header)]

    def rows(self, problems: list[Problem]) -> Iterator[tuple[Location, Mapping[str, str]]]:
        """Place and cells by column of each line; a line with more or fewer cells is a problem."""
        for number, cells in self.lines:
            location = Location(self.file, f"line {number}")
            if len(cells) == len(self.header):
                yield location, dict(zip(self.header, cells, strict=True))
            else:
                sign = "comma" if self.delimiter == "," else "sign between cells"
                advice = f"Put cells that hold a {sign} in double quotes."
                problems.append(problem_at(location, f"{len(self.header)} cells", str(len(cells)), advice))


def read_table(folder: Path, file: Path, problems: list[Problem]) -> LabelTable:
    """The table in a file of the folder; lines that are no CSV are problems. Raises `BadEntry`."""
    text = read_text_file(folder, file, "a CSV file in UTF-8", "Save it as comma-separated UTF-8.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # Excel for Mac ends lines with a return alone
    head, _, rest = text.partition("\n")
    said = EXCEL.fullmatch(head)
    text = f"\n{rest}" if said else text  # the numbers of the lines stay
    first = next((line for line in text.split("\n") if line.strip()), "")
    found = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    delimiter = said.group(1) if said else found
    lines = list(_lines(file, text, delimiter, problems))
    header = lines[0][1] if lines else ()
    if delimiter != ",":
        got = CELL_NAMES.get(delimiter, repr(delimiter))
        advice = "It is read as it is."
        problems.append(Problem(file, "commas between the cells", got, advice, fatal=False))
    return LabelTable(file, header, tuple((n, _fitted(cells, header)) for n, cells in lines[1:]), delimiter)


def _fitted(cells: tuple[str, ...], header: tuple[str, ...]) -> tuple[str, ...]:
    """The cells, as many as the header has: behind its last name, empty ones may be too many or too few."""
    named = max((i for i, name in enumerate(header, 1) if name), default=0)
    kept = cells if any(cells[len(header) :]) else cells[: len(header)]
    return kept + ("",) * (len(header) - len(kept)) if len(kept) >= named else kept


def _lines(
    file: Path, text: str, delimiter: str, problems: list[Problem]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    # strict: a quote that is never closed is an error, not a cell that swallows the rest of the file.
    reader = csv.reader(io.StringIO(text), strict=True, delimiter=delimiter)
    while True:
        start = reader.line_num + 1
        try:
            cells = tuple(cell.strip() for cell in next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            advice = "Close the quotes around its cells, and double a quote that is part of a name."
            problems.append(problem_at(Location(file, f"line {start}"), "a line of CSV", str(error), advice))
            continue
        if any(cells):
            yield reader.line_num, cells
