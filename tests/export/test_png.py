"""The plain folder, read by camseg's own reader."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.data.images import read_mask
from pipeline.export.items import ExportItem
from pipeline.export.png import export_png
from pipeline.formats.palette import voc_palette
from tests.export.conftest import CLASSES


def test_masks_and_classes(items: tuple[ExportItem, ...], tmp_path: Path) -> None:
    export_png(items, CLASSES, tmp_path / "out")
    for item in items:
        file = tmp_path / "out" / "masks" / f"{item.name}.png"
        assert np.array_equal(read_mask(file), read_mask(item.mask))
        with Image.open(file) as image:
            assert image.mode == "P"
            assert image.getpalette() == voc_palette().ravel().tolist()
    assert (tmp_path / "out" / "classes.txt").read_text(encoding="utf-8") == "cat\nété <&>\ndog\n"
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) == 6  # five masks and classes.txt
