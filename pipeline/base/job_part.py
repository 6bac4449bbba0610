"""One job of many that share the blocks of a stage and do not know of each other, as in a job array."""

import os
import re
from dataclasses import dataclass

from pipeline.errors import UserError

PART = "CAMSEG_PART"


@dataclass(frozen=True)
class JobPart:
    """The blocks of one job: each `count`-th, beginning with that of `number`, from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, block: int) -> bool:
        """Whether a block, numbered from 0, belongs to the part."""
        return block % self.count == self.number - 1


def job_part() -> JobPart | None:
    """The part that `CAMSEG_PART` gives this process, as 3/64; None: there are no parts.

    Raises:
        UserError: it is no part.
    """
    text = os.environ.get(PART)
    if not text:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(f"{PART}: expected a part as 3/64, from 1/64 to 64/64, got {text!r}")
    return JobPart(int(found[1]), int(found[2]))
