"""Folders of a few images are read in this process: the processes of a parallel map take seconds to start."""

from collections.abc import Iterator

import pytest

from pipeline.base.parallel import WORKERS


@pytest.fixture(autouse=True, scope="module")
def one_process() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS, "1")
        yield
