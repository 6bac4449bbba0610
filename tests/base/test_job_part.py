"""Parts of a job array: each block is in one of them."""

import pytest

from pipeline.base.job_part import job_part
from pipeline.errors import UserError


def test_the_parts_have_each_block_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for number in (1, 2, 3):
        monkeypatch.setenv("CAMSEG_PART", f"{number}/3")
        part = job_part()
        assert part is not None
        assert str(part) == f"{number}/3"
        parts.append([block for block in range(7) if part.has(block)])
    assert parts == [[0, 3, 6], [1, 4], [2, 5]]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/3/5"])
def test_no_part(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSEG_PART", text)
    with pytest.raises(UserError, match="CAMSEG_PART: expected a part as 3/64"):
        job_part()
    monkeypatch.setenv("CAMSEG_PART", "")
    assert job_part() is None
