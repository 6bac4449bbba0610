"""Tasks of Label Studio, decoded by an independent reader of the bit format."""

import json
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.mask_store import load_mask
from pipeline.export.items import ExportItem
from pipeline.export.labelstudio_tasks import export_labelstudio
from pipeline.formats import labelstudio_rle as brush
from pipeline.formats.labelstudio_rle import encode_brush
from tests.export.conftest import CLASSES


def decode(encoded: list[int]) -> np.ndarray:
    """All values, uint8, as the decoder of rle-pack reads them: bit by bit, also of single values."""
    bits = "".join(f"{byte:08b}" for byte in encoded)
    at = 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        assert at <= len(bits)
        return int(bits[at - count : at], 2)

    number, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < number:
        repeated, count = take(1), 0
        count = take(sizes[take(2)]) + 1
        values += [take(word)] * count if repeated else [take(word) for _ in range(count)]
    assert len(values) == number
    assert len(bits) - at < 8  # nothing but the filling of the last byte is left
    return np.array(values, np.uint8)


def test_bits_by_hand() -> None:
    encoded = encode_brush(np.array([[False, True, True]]))
    assert encoded[:4] == [0, 0, 0, 12]  # 3 pixels of 4 channels
    # 5 bits word size - 1 = 00111, then the sizes - 1: 0010 0011 0111 1111;
    # 4 zeros: 1 00 011 00000000; 8 of 255: 1 00 111 11111111
    bits = "0011100100011011111111000110000000010011111111111"
    whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
    assert encoded[4:] == [int(whole[i : i + 8], 2) for i in range(0, len(whole), 8)]


def test_what_label_studio_wrote_itself() -> None:
    # A 2 x 3 mask with pixels 1, 2 and 5 (row by row), encoded by label-studio-converter 0.0.59.
    written = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    assert encode_brush(np.array([[0, 1, 1], [0, 0, 1]], bool)) == written
    assert decode(written).reshape(2, 3, 4)[:, :, 3].tolist() == [[0, 255, 255], [0, 0, 255]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.01, 0.5, 1]))
def test_round_trip(seed: int, height: int, width: int, share: float) -> None:
    region = np.random.default_rng(seed).random((height, width)) < share
    values = decode(encode_brush(region)).reshape(height, width, 4)
    for channel in range(4):
        assert np.array_equal(values[:, :, channel], 255 * region)


@pytest.mark.parametrize("pixels", [2, 3, 4, 5, 63, 64, 65, 16383, 16384, 16385, 32768, 40000])
def test_runs_at_the_limits_of_their_sizes(pixels: int) -> None:
    region = np.zeros((1, pixels + 1), bool)
    region[0, 1:] = True
    assert np.array_equal(decode(encode_brush(region)), (255 * region).repeat(4))


def test_long_runs_take_few_bytes() -> None:
    # 960,000 values in 15 runs of at most 65,536, 27 bits each, after a header of 53
    assert len(encode_brush(np.zeros((400, 600), bool))) == -(-(15 * 27 + 53) // 8)


def test_images_that_the_header_cannot_count_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brush, "MOST", 27)
    assert encode_brush(np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="Expected at most 6 pixels, got 8"):
        encode_brush(np.zeros((2, 4), bool))


def test_tasks_hold_the_same_pixels_the_most_doubtful_first(
    items: tuple[ExportItem, ...], tmp_path: Path
) -> None:
    export_labelstudio(items, CLASSES, tmp_path / "out", "camseg cam")
    tasks = json.loads((tmp_path / "out/tasks.json").read_text(encoding="utf-8"))
    assert [task["data"]["confidence"] for task in tasks] == [0.3, 0.5, 0.7, 0.7, 0.9]
    ids = {"cat": 1, "été <&>": 2, "dog": 3, "ignore": 255}
    for task, item in zip(tasks, items, strict=True):
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "camseg cam"
        assert prediction["score"] == item.confidence
        mask = np.zeros((item.height, item.width), np.uint8)
        for region in prediction["result"]:
            assert (region["original_height"], region["original_width"]) == mask.shape
            (label,) = region["value"]["brushlabels"]
            mask[decode(region["value"]["rle"]).reshape(*mask.shape, 4)[:, :, 3] > 0] = ids[label]
        assert np.array_equal(mask, load_mask(item.masks, item))
        address, _, file = task["data"]["image"].partition("?d=")
        assert address == "/data/local-files/"
        assert (tmp_path / "out" / unquote(file)).is_file()


def test_the_interface_names_the_parts_of_the_results(items: tuple[ExportItem, ...], tmp_path: Path) -> None:
    export_labelstudio(items, CLASSES, tmp_path / "out", "camseg cam")
    root = ElementTree.parse(tmp_path / "out/config.xml").getroot()
    brush = root.find("BrushLabels")
    assert brush is not None
    assert brush.attrib == {"name": "label", "toName": "image"}
    image = root.find("Image")
    assert image is not None
    assert image.attrib["value"] == "$image"
    labels = [(label.attrib["value"], label.attrib["background"]) for label in brush]
    assert labels == [
        ("cat", "#800000"),
        ("été <&>", "#008000"),
        ("dog", "#808000"),
        ("ignore", "#e0e0c0"),
    ]
