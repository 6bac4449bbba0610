"""Fixtures of all tests."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pipeline.base.process import REPLACED, prepare_process
from tests.image_folder import make_image_folder

prepare_process()  # the networks of the tests compute as in stages; no module has loaded torch yet


def pytest_configure(config: pytest.Config) -> None:
    # References are computed on the CPU. With CAMSEG_DEVICE=cuda the pipeline's own networks run on the GPU.
    os.environ.setdefault("CAMSEG_DEVICE", "cpu")
    # As an error, this warning would end the thread that hands out the work: the map would never return.
    config.addinivalue_line("filterwarnings", f"ignore:{REPLACED}:UserWarning")
    # Few examples keep the suite fast; a busy machine would miss a deadline.
    settings.register_profile("few", max_examples=40, deadline=None)
    settings.load_profile("few")


@pytest.fixture
def image_folder(tmp_path: Path) -> Callable[..., Path]:
    """A factory of tiny data sets in the test's own folder; takes the options of `make_image_folder`."""

    def make(name: str = "images", **options: Any) -> Path:
        return make_image_folder(tmp_path / name, **options)

    return make
