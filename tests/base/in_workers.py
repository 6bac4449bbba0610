"""What tests let worker processes do. A worker imports this file alone: torch would take it seconds."""

import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np

from pipeline.base.process import is_prepared


def blurred_noise(seed: int) -> np.ndarray:
    image = np.random.default_rng(seed).random((70, 90, 3), dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 3))


def process_after(seconds: float, _: int) -> int:
    time.sleep(seconds)
    return os.getpid()


def current_folder(_: int) -> Path:
    return Path.cwd()


def fail_at_three(item: int) -> int:
    if item == 3:
        raise ValueError(f"item {item}: expected anything but 3")
    return item


def killed_at_seven(note: Path | None, item: int) -> int:
    """The system kills the process that works on item 7: always, or only until there is the note."""
    if item == 7 and not (note and note.exists()):
        if note:
            note.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def prepared(_: int) -> bool:
    return is_prepared()
