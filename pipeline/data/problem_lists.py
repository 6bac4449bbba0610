"""Problems collected entry by entry: a bad entry hides no other one."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.base.problems import Location, Problem, listed
from pipeline.errors import UserError


class BadEntry(UserError):
    """A file or an entry that cannot be used, with its problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class DataError(UserError):
    """The folder `where` cannot be used; the message lists all `errors`."""

    def __init__(self, where: object, errors: Sequence[str], *advice: str) -> None:
        count = f"{where}: {len(errors)} error(s):"
        super().__init__("\n".join([count, *(f"  {error}" for error in errors), *advice]))


@contextmanager
def collected(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of a `BadEntry` to `problems`, and go on behind the block."""
    try:
        yield
    except BadEntry as error:
        problems += error.problems


def problem_at(location: Location, expected: str, got: str, advice: str, fatal: bool = True) -> Problem:
    """The problem of one entry of a file."""
    return Problem(location.file, expected, got, advice, location, fatal)


def warn_of(names: Sequence[object], kind: str, file: Path, expected: str, advice: str) -> list[Problem]:
    """One warning that counts and lists `names`, e.g. `2 others: a, b`; none without names."""
    got = f"{len(names)} {kind}: {listed(names)}"
    return [Problem(file, expected, got, advice, fatal=False)] if names else []


def as_messages(problems: Iterable[Problem], fatal: bool) -> tuple[str, ...]:
    """The texts of the errors, or of the warnings."""
    return tuple(str(problem) for problem in problems if problem.fatal == fatal)
