"""The project that each golden test starts from: after `prepare`, with the stub networks."""

from pathlib import Path

import pytest

from tests.golden.project import make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is the prepared project until the test ends."""
    make_project(tmp_path, monkeypatch)
    return tmp_path
