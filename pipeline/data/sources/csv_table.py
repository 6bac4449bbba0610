"""Tables of labels as programs write them: any of four signs between cells, lines, byte order marks."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import problem_at
from pipeline.data.sources.documents import read_text_file

DELIMITERS = ",;\t|"  # of equally many cells, the first
CELL_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class LabelTable:
    """The cells of a table, stripped of space."""

    file: Path
    header: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]  # number in the file, and cells; without empty lines
    delimiter: str = ","

    def column(self, name: str) -> list[str]:
        """The cells of a column, of the lines that have as many cells as the header."""
        return [cells[name] for _, cells in self.rows([])]

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
    first = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    lines = list(_lines(file, text, delimiter, problems))
    header = lines[0][1] if lines else ()
    if delimiter != ",":
        got = f"{CELL_NAMES[delimiter]}"
        advice = "It is read as it is."
        problems.append(Problem(file, "commas between the cells", got, advice, fatal=False))
    return LabelTable(file, header, tuple(lines[1:]), delimiter)


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
