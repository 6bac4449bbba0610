"""What masks of all common encodings mean, against masks of ids that are known."""

import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from pipeline.data.inspection import Inspection, inspect_folder, write_ground_truth
from pipeline.data.mask_encoding import Levels, MaskEncoding, decode_mask
from pipeline.data.mask_store import load_mask
from pipeline.data.mask_values import RawMask, read_raw_mask
from pipeline.formats.palette import colour_codes, voc_palette
from tests.image_folder import data_params, write_image_file, write_labels

SIZE = (40, 60)
Save = Callable[[Path, NDArray[np.uint8]], None]


def ids_of(labels: Sequence[int], shift: int = 0) -> NDArray[np.uint8]:
    """A square of each id, side by side."""
    mask = np.zeros(SIZE, np.uint8)
    for place, label in enumerate(labels):
        mask[8:30, 5 + 18 * place + shift : 18 + 18 * place + shift] = label
    return mask


def make_set(
    folder: Path, labels: Sequence[Sequence[int]], names: Sequence[str], save: Save
) -> dict[str, NDArray[np.uint8]]:
    """A csv folder with an image for each list of ids, and its masks of ids by name."""
    rows, masks = [], {}
    for i, ids in enumerate(labels):
        name = f"a{i}"
        rng = np.random.default_rng(i)
        write_image_file(folder / f"images/{name}.png", rng.integers(0, 255, (*SIZE, 3)).astype(np.uint8))
        masks[name] = ids_of(ids, i % 3)
        (folder / "masks").mkdir(exist_ok=True)
        save(folder / "masks" / f"{name}.png", masks[name])
        split = "val" if i % 4 == 3 else "train"
        rows.append({"image": f"{name}.png", "labels": ";".join(names[k - 1] for k in ids), "split": split})
    write_labels(folder, rows)
    (folder / "classes.txt").write_text("\n".join(names) + "\n")
    return masks


def read_set(folder: Path, out: Path, **changes: object) -> tuple[Inspection, dict[str, NDArray[np.uint8]]]:
    inspection = inspect_folder("csv", folder, data_params(**changes), 0)
    assert inspection.errors == ()
    assert inspection.manifest is not None
    write_ground_truth(inspection, out)
    return inspection, {s.name: load_mask(out, s) for s in inspection.manifest.samples if s.mask}


def check_set(
    tmp_path: Path, labels: Sequence[Sequence[int]], names: Sequence[str], save: Save, **changes: object
) -> None:
    masks = make_set(tmp_path / "in", labels, names, save)
    _, read = read_set(tmp_path / "in", tmp_path / "out", **changes)
    assert read.keys() == masks.keys()
    for name, mask in masks.items():
        assert (read[name] == mask).all(), name


def grey(*levels: int, kind: type = np.uint8) -> Save:
    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        Image.fromarray(np.array(levels, kind)[mask]).save(file)

    return save


def coloured(*colours: tuple[int, int, int]) -> Save:
    return lambda file, mask: Image.fromarray(np.array(colours, np.uint8)[mask]).save(file)


ONE = [[1], [], [1], [1], [1], [], [1], [1]]
TWO = [[1, 2], [1], [2], [1, 2], [], [2], [1], [2, 1]]
SINGLE = [[1], [2], [1], [2], [], [2], [1], [2]]


@pytest.mark.parametrize(
    "save",
    [
        grey(0, 255),
        grey(0, 1),
        grey(0, 38),
        grey(0, 65535, kind=np.uint16),
        lambda file, mask: Image.fromarray(mask > 0).save(file),
        coloured((0, 0, 0), (255, 255, 255)),
        coloured((0, 0, 0), (255, 0, 0)),
        lambda file, mask: Image.fromarray(np.dstack([mask * 255] * 4)).save(file),
        lambda file, mask: grey(1, 2)(file, mask),
        lambda file, mask: Image.fromarray(mask * 255).save(file, "TIFF", compression="tiff_lzw"),
        lambda file, mask: Image.fromarray(mask.astype(np.int32)).save(file, "TIFF"),
        lambda file, mask: Image.fromarray(mask.astype(np.float32)).save(file, "TIFF"),
    ],
)
def test_masks_of_one_class(save: Save, tmp_path: Path) -> None:
    check_set(tmp_path, ONE, ["crack"], save)


@pytest.mark.parametrize("quality", [60, 85, 95])
def test_a_compressed_mask_is_the_nearest_of_its_levels(quality: int, tmp_path: Path) -> None:
    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        Image.fromarray(mask * 255).save(file, "JPEG", quality=quality)

    check_set(tmp_path, ONE, ["crack"], save)


@pytest.mark.parametrize("levels", [(0, 1, 2), (0, 128, 255)])
def test_several_values_as_jpeg_are_named(levels: tuple[int, ...], tmp_path: Path) -> None:
    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        Image.fromarray(np.array(levels, np.uint8)[mask]).save(file, "JPEG", quality=90)

    make_set(tmp_path, SINGLE, ["cat", "dog"], save)
    inspection = inspect_folder("csv", tmp_path, data_params(), 0)
    expected = (
        f"{tmp_path}/masks: expected masks of several values in a format that keeps them, got 8 as JPEG"
    )
    assert any(expected in line and "Save the masks as PNG" in line for line in inspection.warnings)
    assert "numbers of objects" not in inspection.survey.encoding


def test_soft_edges_are_cut_in_the_middle(tmp_path: Path) -> None:
    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        soft = (mask * 255).astype(np.uint8)
        soft[7][mask[8] > 0], soft[30][mask[29] > 0], soft[8][mask[8] > 0] = 60, 90, 200
        Image.fromarray(soft + (np.arange(60) % 9).astype(np.uint8) * (soft == 200)).save(file)

    check_set(tmp_path, ONE, ["crack"], save)


@pytest.mark.parametrize("numbered", [True, False])
def test_numbers_of_objects_are_the_one_class(numbered: bool, tmp_path: Path) -> None:
    objects = {"a0": 3, "a2": 1, "a3": 2, "a4": 3, "a6": 2, "a7": 3}

    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        values = np.zeros(SIZE, np.uint16)
        rows = np.array_split(np.flatnonzero(mask.any(axis=1)), objects.get(file.stem, 1))
        for number, part in enumerate(rows, 1):
            values[part] = mask[part].astype(np.uint16) * (number if numbered else 300 + 17 * number)
        Image.fromarray(values).save(file)

    check_set(tmp_path, ONE, ["cell"], save, masks="auto" if numbered else "instances")


@pytest.mark.parametrize(
    "save",
    [
        grey(0, 1, 2),
        grey(0, 128, 255),
        grey(0, 100, 200),
        grey(1, 2, 3),
        coloured((0, 0, 0), (128, 0, 0), (0, 128, 0)),  # of VOC
        coloured((0, 0, 0), (1, 1, 1), (2, 2, 2)),
        coloured((0, 0, 0), (127, 127, 127), (255, 255, 255)),
    ],
)
def test_masks_of_two_classes(save: Save, tmp_path: Path) -> None:
    check_set(tmp_path, TWO, ["cell", "nucleus"], save)


WHITE = (255, 255, 255)


@pytest.mark.parametrize(
    "save", [grey(0, 255, 255), grey(0, 1, 1), grey(0, 7, 7), coloured((0, 0, 0), WHITE, WHITE)]
)
def test_a_mask_of_one_value_shows_the_only_label_of_its_image(save: Save, tmp_path: Path) -> None:
    check_set(tmp_path, SINGLE, ["dent", "scratch"], save)


def test_indices_whose_colours_differ_between_files_are_read_by_colour(tmp_path: Path) -> None:
    colours = [(0, 0, 0), (128, 0, 0), (0, 128, 0)]

    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        used = np.unique(mask)[:: 1 if int(file.stem[1:]) % 2 else -1]  # as an optimiser sorts them
        lookup = np.zeros(3, np.uint8)
        lookup[used] = np.arange(len(used))
        image = Image.fromarray(lookup[mask])
        image.putpalette([value for i in used for value in colours[i]])
        image.save(file)

    check_set(tmp_path, TWO, ["cell", "nucleus"], save)


@pytest.mark.parametrize("entries", [21, 256])
def test_an_index_without_a_colour_of_its_own_has_that_of_voc(entries: int, tmp_path: Path) -> None:
    """Tools name the colours of VOC's classes alone: 255 lies behind them, or in black padding."""
    colours = voc_palette().copy()
    colours[21:] = 0

    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        mask[0] = 255
        image = Image.fromarray(mask)
        image.putpalette((voc_palette() if file.stem == "a0" else colours[:entries]).tobytes())
        image.save(file)

    check_set(tmp_path, TWO, ["cell", "nucleus"], save)


def test_a_person_may_say_that_indices_are_ids_whatever_their_colours(tmp_path: Path) -> None:
    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        image = Image.fromarray(mask)
        image.putpalette(np.roll(voc_palette(), int(file.stem[1:]), axis=0).tobytes())
        image.save(file)

    masks = make_set(tmp_path / "in", TWO, ["cell", "nucleus"], save)
    (error,) = inspect_folder("csv", tmp_path / "in", data_params(), 0).errors
    assert "set data.masks to ids" in error
    _, read = read_set(tmp_path / "in", tmp_path / "out", masks="ids")
    assert all((read[name] == mask).all() for name, mask in masks.items())


def test_colours_with_names(tmp_path: Path) -> None:
    colours = [(60, 16, 152), (132, 41, 246), (110, 193, 228)]
    masks = make_set(tmp_path / "in", TWO, ["land", "road"], coloured(*colours))
    error = "\n".join(inspect_folder("csv", tmp_path / "in", data_params(), 0).errors)
    assert "got the colours 60,16,152" in error
    assert "--write-colours" in error
    lines = "background:60,16,152\nland:132,41,246\nroad:110,193,228\n"
    (tmp_path / "in/colours.txt").write_text(lines)
    _, read = read_set(tmp_path / "in", tmp_path / "out")
    assert all((read[name] == mask).all() for name, mask in masks.items())


def test_edges_between_named_colours_are_the_nearest_one(tmp_path: Path) -> None:
    colours = np.array([(0, 0, 0), (200, 40, 40), (40, 40, 220)], np.uint8)

    def save(file: Path, mask: NDArray[np.uint8]) -> None:
        Image.fromarray(colours[mask]).save(file, "JPEG", quality=90, subsampling=0)

    (tmp_path / "in").mkdir()
    (tmp_path / "in/colours.txt").write_text("background:0,0,0\nland:200,40,40\nroad:40,40,220\n")
    check_set(tmp_path, TWO, ["land", "road"], save)


def test_grey_levels_with_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/colours.txt").write_text("nucleus:128,128,128\ncell:255,255,255\nbackground:0,0,0\n")
    check_set(tmp_path, TWO, ["cell", "nucleus"], grey(0, 255, 128))


@pytest.mark.parametrize("levels", [(0, 128, 255), (1, 2, 3)])
def test_more_levels_than_classes_are_asked_for(levels: tuple[int, ...], tmp_path: Path) -> None:
    make_set(tmp_path, TWO, ["cell", "nucleus"], grey(*levels))
    text = (tmp_path / "labels.csv").read_text().replace("cell;nucleus", "cell")
    text = text.replace("nucleus;cell", "cell").replace("nucleus", "cell")
    (tmp_path / "labels.csv").write_text(text)
    (tmp_path / "classes.txt").write_text("cell\n")
    errors = inspect_folder("csv", tmp_path, data_params(), 0).errors
    assert any(f"got the values {levels[0]} (" in line for line in errors), errors


def test_ids_stay_as_they_are_where_one_mask_has_a_stray_id(tmp_path: Path) -> None:
    masks = make_set(tmp_path, TWO, ["cell", "nucleus"], grey(0, 1, 2))
    stray = masks["a0"].copy()
    stray[0, 0] = 61
    write_image_file(tmp_path / "masks/a0.png", stray)
    (error,) = inspect_folder("csv", tmp_path, data_params(), 0).errors
    assert "a0.png" in error
    assert "expected ids 0..2 or 255, got 61" in error


@pytest.mark.parametrize("shape", ["(2L, 3L)", "(2L, 3)", "(2, 3L)"])
def test_an_array_that_python_2_wrote_is_read_without_a_word(shape: str, tmp_path: Path) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(range(6))
    (tmp_path / "a.npy").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = read_raw_mask(tmp_path / "a.npy", 1)
    assert raw.values.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, bool])
def test_arrays_of_numpy_and_matlab(dtype: type, tmp_path: Path) -> None:
    def as_npy(file: Path, mask: NDArray[np.uint8]) -> None:
        with file.open("wb") as opened:
            np.save(opened, mask.astype(dtype))

    def as_mat(file: Path, mask: NDArray[np.uint8]) -> None:
        segmentation = mask.astype(dtype) if dtype is bool else (mask + 1).astype(dtype)
        truth = {"Segmentation": segmentation, "Boundaries": mask.astype(dtype)}
        savemat(file, {"groundTruth": truth}, appendmat=False, do_compression=True)

    mask = ids_of([1])
    as_npy(tmp_path / "a.npy", mask)
    assert (read_raw_mask(tmp_path / "a.npy", 1).values == mask).all()
    as_mat(tmp_path / "a.mat", mask)
    expected = mask if dtype is bool else mask + 1
    assert (read_raw_mask(tmp_path / "a.mat", 1).values == expected).all()
    assert (read_raw_mask(tmp_path / "a.mat", 1, "groundTruth.Boundaries").values == mask).all()
    assert (read_raw_mask(tmp_path / "a.mat", 1, "Boundaries").values == mask).all()


@pytest.mark.parametrize("kind", ["exact", "nearest", "palette"])
def test_a_small_mask_in_colours_takes_little_memory(kind: str) -> None:
    codes = colour_codes(np.array([(0, 0, 0), (0, 200, 0), (255, 0, 0)]))
    levels = Levels(tuple(codes.tolist()), (0, 1, 2), exact=kind != "nearest")
    encoding = MaskEncoding("colours", Levels((), ()), levels, by_palette=kind == "palette")
    ids = np.arange(12).reshape(3, 4) % 3
    raw = RawMask(codes[ids] + (kind == "nearest"), coloured=True)
    if kind == "palette":
        raw = RawMask(ids.astype(np.uint8), palette=codes)
    tracemalloc.start()
    try:
        mask = decode_mask(encoding, raw, own=255)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (mask == ids).all()
    assert peak < 200_000  # a table of all colours takes 32 MB
