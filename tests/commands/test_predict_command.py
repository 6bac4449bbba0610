"""`camseg predict` with a network whose answer is known."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor

from pipeline.__main__ import main
from pipeline.commands.predict_images import unread_files
from pipeline.data.images import read_image, read_mask, resize_mask
from pipeline.data.pixels.reading import ImageReading
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from pipeline.workflows.saved_model import load_model
from tests.image_folder import write_image_file
from tests.segmentation.nets import RedIsOne, half_red

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("image", "dog")  # a class may be named as a column is


@pytest.fixture(autouse=True)
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RedIsOne:
    """A project with two images as the current folder, and the network that it loads."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    write_image_file(Path("images/a/one.png"), half_red(24, 40))
    write_image_file(Path("images/b/one.png"), half_red(40, 32))
    red_is_one = RedIsOne()
    loaded = SegmentationNet(red_is_one, SegmentationConfig(CLASSES, 64)).eval()
    monkeypatch.setattr("pipeline.commands.predict_images.load_model", lambda folder: loaded)
    return red_is_one


def read_rows() -> list[list[str]]:
    return list(csv.reader(Path("out/predictions.csv").read_text().splitlines()))


def written() -> set[str]:
    return {file.relative_to("out").as_posix() for file in Path("out").rglob("*") if file.is_file()}


def test_a_folder_keeps_its_sub_folders(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "images", "--out", "out"]) == 0
    assert "2 image(s) predicted in out, 0 skipped" in capsys.readouterr().out
    assert written() == {"predictions.csv", "labelmap.txt", "masks/a/one.png", "masks/b/one.png"}
    with Image.open("out/masks/a/one.png") as stored:
        colours = stored.convert("RGB")
    assert "image:{},{},{}::".format(*colours.getpixel((0, 0))) in Path("out/labelmap.txt").read_text()
    mask = read_mask(Path("out/masks/a/one.png"))
    assert mask.shape == (24, 40)
    assert (mask[:, :8] == 1).all()
    assert (mask[:, 12:] == 0).all()
    header, *rows = read_rows()
    of_image, of_class = ["image", "mask", "confidence", "open"], ["class", "probability", "share", "objects"]
    assert header == [*of_image, *of_class, "class_confidence"]
    image, dog = rows[:2]
    assert image[:2] == dog[:2] == ["images/a/one.png", "a/one.png"]
    assert (image[4], dog[4]) == CLASSES
    assert float(image[6]) == pytest.approx((mask == 1).mean(), abs=1e-6)
    assert float(image[2]) == float(image[8]) > 0.9
    assert float(image[5]) > 0.99
    assert image[7] == "1"
    assert (dog[3], dog[6], dog[7], dog[8]) == ("0.000000", "0.000000", "0", "")
    assert float(dog[5]) < 0.01


def test_a_full_memory_of_the_device_is_said_with_advice(
    net: RedIsOne, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(net, "forward", full)
    assert main(["predict", "images", "--out", "out"]) == 2
    assert (
        "camseg: CUDA out of memory. Tried to allocate 2.00 GiB.\n  Lower batch_size"
        in capsys.readouterr().err
    )


def test_files_of_one_name_are_numbered_and_overlays_drawn_on_request() -> None:
    assert main(["predict", "images/a/one.png", "images/b/one.png", "--overlay", "--out", "out"]) == 0
    names = {f"{folder}/{name}.png" for folder in ("masks", "overlays") for name in ("one", "one-2")}
    assert written() == {"predictions.csv", "labelmap.txt"} | names
    assert read_image(Path("out/overlays/one-2.png")).shape == (40, 32, 3)
    assert [row[0] for row in read_rows()[1::2]] == ["images/a/one.png", "images/b/one.png"]
    assert [row[1] for row in read_rows()[1::2]] == ["one.png", "one-2.png"]


def test_names_that_some_disks_take_for_one_are_numbered() -> None:
    write_image_file(Path("ONE.png"), half_red(24, 40))
    assert main(["predict", "images/a/one.png", "ONE.png", "--out", "out"]) == 0
    assert [row[1] for row in read_rows()[1::2]] == ["one.png", "ONE-2.png"]


def test_no_file_is_called_like_a_folder_of_others_or_the_list_of_classes() -> None:
    for name in (
        "x.jpg",
        "x.png/y.png",
        "X-2.TXT/y.png",
        "x-3.geojson/y.png",
        "classes.png",
        "a/classes.png",
    ):
        write_image_file(Path("odd", name), half_red(24, 40))
    formats = [word for name in ("geojson", "yolo") for word in ("--export", name)]
    assert main(["predict", "odd", *formats, "--overlay", "--page", "--out", "out"]) == 0
    masks = {row[0].removeprefix("odd/"): row[1] for row in read_rows()[1:]}
    assert masks["x.jpg"] == "x-4.png"
    assert masks["classes.png"] == "classes-2.png"
    assert masks["x.png/y.png"] == "x.png/y.png"
    assert masks["a/classes.png"] == "a/classes.png"
    assert len(set(masks.values())) == 6
    for mask in masks.values():
        assert (read_mask(Path("out/masks", mask))[:, :8] == 1).all()
        assert Path("out/yolo", mask).with_suffix(".txt").read_text().startswith("0 ")
        assert Path("out/geojson", mask).with_suffix(".geojson").exists()
    assert Path("out/yolo/classes.txt").read_text().splitlines() == list(CLASSES)


def test_a_link_to_nothing_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").symlink_to("nowhere")
    assert main(["predict", "images", "--out", "out"]) == 2
    assert "out: expected a new or an empty folder, got a link to nothing" in capsys.readouterr().err
    assert not Path("nowhere").exists()


def test_broken_files_are_named_and_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("images/a/broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    assert main(["predict", "images", "missing.png", "--out", "out"]) == 1
    captured = capsys.readouterr()
    assert "skipped: images/a/broken.jpg: cannot be read as an image" in captured.err
    assert "skipped: missing.png: no such file" in captured.err
    assert "2 image(s) predicted in out, 2 skipped" in captured.out
    assert len(read_rows()) == 5


@pytest.mark.parametrize("name", ["b.cr2", "sub/c.SVG", "d.jp2"])
def test_files_that_look_like_images_are_named_and_skipped(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("images/a", name)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"another format")
    for out, arguments in (
        ("out", ["images"]),
        ("again", ["images/a/one.png", "images/b/one.png", str(file)]),
    ):
        assert main(["predict", *arguments, "--out", out]) == 1
        captured = capsys.readouterr()
        assert f"skipped: {file}: not a kind of image that is read" in captured.err
        assert f"2 image(s) predicted in {out}, 1 skipped" in captured.out


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.png", "caf\\xe9.png"),
        (b"\xff\xfe.PNG", "\\xff\\xfe.PNG"),
        (b"\xe9/one.png", "\\xe9/one.png"),
    ],
)
def test_images_whose_names_are_no_text_are_named_and_skipped(
    name: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("images/a", os.fsdecode(name))
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(Path("images/a/one.png").read_bytes())
    assert main(["predict", "images", "--out", "out"]) == 1
    captured = capsys.readouterr()
    assert f"skipped: images/a/{shown}: expected a name in UTF-8. Rename it" in captured.err
    assert "2 image(s) predicted in out, 1 skipped" in captured.out


def test_large_images_go_in_tiles_of_the_working_size(net: RedIsOne) -> None:
    write_image_file(Path("large.png"), half_red(100, 300))
    assert main(["predict", "large.png", "images", "--tile", "--out", "out"]) == 0
    # 100 x 300 in tiles of 64 that share 16: 2 x 6; the small images whole
    assert net.sizes == [(64, 64)] * 12 + [(64, 64), (64, 64)]
    mask = read_mask(Path("out/masks/large.png"))
    assert mask.shape == (100, 300)
    # At its own resolution the edge is where it was, to the pixel.
    assert np.array_equal(mask, np.broadcast_to(np.arange(300) < 75, mask.shape))


def test_without_tiles_large_images_are_made_small(net: RedIsOne) -> None:
    write_image_file(Path("large.png"), half_red(100, 300))
    assert main(["predict", "large.png", "--out", "out"]) == 0
    assert net.sizes == [(32, 64)]


def test_photos_above_max_side_get_masks_of_their_own_size(net: RedIsOne) -> None:
    text = Path("params.yaml").read_text().replace("max_side: 1024", "max_side: 512")
    Path("params.yaml").write_text(text)
    write_image_file(Path("large.png"), half_red(600, 1500))
    assert main(["predict", "large.png", "--overlay", "--out", "out"]) == 0
    mask = read_mask(Path("out/masks/large.png"))
    assert mask.shape == (600, 1500)
    assert read_image(Path("out/overlays/large.png")).shape == (205, 512, 3)
    small = resize_mask(mask, (205, 512))
    np.testing.assert_array_equal(resize_mask(small, (600, 1500)), mask)  # argmax first, then nearest
    assert float(read_rows()[1][6]) == pytest.approx((mask == 1).mean(), abs=1e-6)
    assert net.sizes == [(32, 64)]
    assert main(["predict", "large.png", "--tile", "--overlay", "--out", "tiles"]) == 0
    assert read_image(Path("tiles/overlays/large.png")).shape == (600, 1500, 3)
    assert (read_mask(Path("tiles/masks/large.png"))[:, :375] == 1).all()


def test_an_output_folder_with_files_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "images", "--out", "images"]) == 2
    assert "images: expected a new or an empty folder" in capsys.readouterr().err
    assert {file.name for file in Path("images").rglob("*") if file.is_file()} == {"one.png"}


def test_a_folder_without_images_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["predict", "images", "empty", "--out", "out"]) == 2
    assert "empty: expected images (.jpg, " in capsys.readouterr().err
    assert not Path("out").exists()


def test_without_a_model_the_remedy_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.commands.predict_images.load_model", load_model)
    assert main(["predict", "images", "--out", "out"]) == 2
    message = "models/segmentation/cam: expected a segmentation model, got no camseg.json, config.json"
    assert message in capsys.readouterr().err
    Path("models/segmentation/full").mkdir(parents=True)
    Path("models/segmentation/full/skipped.txt").touch()
    assert main(["predict", "images", "--model", "models/segmentation/full", "--out", "out"]) == 2
    assert "there were no masks to train on" in capsys.readouterr().err
    assert not Path("out").exists()


def test_scales_are_those_of_evaluation(net: RedIsOne) -> None:
    text, section, values = Path("params.yaml").read_text().partition("evaluation:")
    Path("params.yaml").write_text(text + section + values.replace("scales: [1.0]", "scales: [1.0, 2.0]"))
    assert main(["predict", "images/a/one.png", "--out", "out"]) == 0
    assert net.sizes == [(64, 64), (96, 128)]  # 38 x 64 and 77 x 128, padded to multiples of 32


def test_an_interrupted_run_goes_on_with_the_same_command(
    net: RedIsOne, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_image_file(Path(f"images/c/{number}.png"), half_red(24, 40))
    command = ["predict", "images", "--overlay", "--out", "images/out"]  # below what is searched
    forward, seen = net.forward, net.sizes

    def stop(images: Tensor) -> Tensor:
        if len(seen) == 3:
            raise KeyboardInterrupt
        return forward(images)

    monkeypatch.setattr(net, "forward", stop)
    assert main(command) == 130
    assert capsys.readouterr().err.endswith("camseg: interrupted\n")
    out = Path("images/out")
    assert {file.name for file in out.iterdir()} == {
        ".regions",
        "predictions.csv",
        "masks",
        "overlays",
        "unfinished.json",
    }
    half = list(csv.reader((out / "predictions.csv").read_text().splitlines()))
    assert [row[0] for row in half[::2]] == [
        "image",
        "images/a/one.png",
        "images/b/one.png",
        "images/c/0.png",
    ]
    write_image_file(Path("images/b/one.png"), half_red(32, 40))  # what has changed is done again
    Path("images/c/0.png").unlink()  # and what is gone leaves nothing
    Path("images/out/masks/.one.png.x.part").touch()
    seen.clear()
    monkeypatch.setattr(net, "forward", forward)
    assert main(["predict", "images", "--out", "images/out"]) == 2
    assert "images/out: expected the settings of the run that was interrupted there, got another overlay" in (
        capsys.readouterr().err
    )
    assert main(command) == 0
    assert "1 of 4 masks are in images/out" in capsys.readouterr().out
    assert len(seen) == 3
    out = out.rename("first")
    assert main(["predict", "images", "--overlay", "--out", "again"]) == 0
    whole = list(csv.reader((out / "predictions.csv").read_text().splitlines()))
    assert len(whole) == 9
    assert whole == list(csv.reader(Path("again/predictions.csv").read_text().splitlines()))
    names = {f"{folder}/{name}.png" for folder in ("masks", "overlays") for name in ("a/one", "b/one", "c/1")}
    names |= {"masks/c/2.png", "overlays/c/2.png", "predictions.csv", "labelmap.txt"}
    assert {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()} == names
    assert read_mask(out / "masks/b/one.png").shape == (32, 40)
    assert main(["predict", "images", "--overlay", "--out", "first"]) == 2  # it is finished


def test_another_model_does_not_go_on(net: RedIsOne, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("model").mkdir()
    Path("model/camseg.json").write_text("1")
    command = ["predict", "images", "--model", "model", "--out", "out"]

    def stop(images: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(net, "forward", stop)
        assert main(command) == 130
    Path("model/camseg.json").write_text("2")
    assert main(command) == 2
    Path("model/camseg.json").write_text("1")
    assert main(command) == 0
    assert written() == {"predictions.csv", "labelmap.txt", "masks/a/one.png", "masks/b/one.png"}


def test_a_run_without_a_readable_image_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "fotos.png", "--out", "out"]) == 1
    assert "skipped: fotos.png: no such file" in capsys.readouterr().err
    assert not Path("out").exists()


def test_hidden_files_are_no_images() -> None:
    Path("images/a/._one.png").write_bytes(b"of a Mac")
    Path("images/.trash").mkdir()
    write_image_file(Path("images/.trash/old.png"), half_red(24, 40))
    assert main(["predict", "images", "--out", "out"]) == 0
    assert written() == {"predictions.csv", "labelmap.txt", "masks/a/one.png", "masks/b/one.png"}


def test_images_of_16_bits_are_read_as_the_model_learnt_them(
    net: RedIsOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = ImageReading(bands=(3, 1, 2), ranges=((0, 4095),))
    loaded = SegmentationNet(net, SegmentationConfig(CLASSES, 64, reading=reading)).eval()
    monkeypatch.setattr("pipeline.commands.predict_images.load_model", lambda folder: loaded)
    values = np.roll(half_red(24, 40).astype(np.uint16) * 16, -1, axis=2)  # red is the third band
    tifffile.imwrite("deep.tif", values, photometric="rgb")
    assert main(["predict", "deep.tif", "--out", "out"]) == 0
    mask = read_mask(Path("out/masks/deep.png"))
    assert (mask[:, :8] == 1).all()
    assert (mask[:, 12:] == 0).all()


def test_images_with_a_georeference_get_masks_with_it() -> None:
    rasterio = pytest.importorskip("rasterio")
    place = rasterio.transform.Affine(10, 0, 500000, 0, -10, 4600000)
    options = {"width": 40, "height": 24, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    with rasterio.open("map.tif", "w", driver="GTiff", crs="EPSG:32633", transform=place, **options) as file:
        file.write(np.moveaxis(half_red(24, 40), -1, 0))
    assert main(["predict", "map.tif", "--out", "out"]) == 0
    assert written() == {"predictions.csv", "labelmap.txt", "masks/map.png", "geotiff/map.tif"}
    with rasterio.open("out/geotiff/map.tif") as file:
        assert file.transform == place
        np.testing.assert_array_equal(file.read(1), read_mask(Path("out/masks/map.png")))


@pytest.mark.parametrize("name", ["photo", "photo.jpg_large", "photo.bin"])
def test_images_whose_names_do_not_say_so_are_named(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / name, "JPEG")
    (tmp_path / "notes").write_bytes(b"no image")
    (line,) = unread_files([tmp_path], tmp_path / "out")
    assert line == f"{tmp_path / name}: expected the suffix of its kind. Rename it, as {tmp_path / name}.jpg"
    assert unread_files([tmp_path / name], tmp_path / "out") == [], "a file that is named is read"


def test_names_that_are_too_long_for_a_mask_are_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 240 + ".png"
    write_image_file(Path("images/a") / name, half_red(24, 40))
    for images in (["images"], ["images/a/one.png", f"images/a/{name}"]):
        assert main(["predict", *images, "--out", f"out-{len(images)}"]) == 1
        captured = capsys.readouterr()
        assert f"skipped: images/a/{name}: expected a name of at most 230 bytes" in captured.err
        assert "1 skipped" in captured.out


@pytest.mark.parametrize("around", ["here", "project of the model", "nowhere"])
def test_params_come_from_here_or_the_project_of_the_model_or_are_shipped(
    around: str,
    net: RedIsOne,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = Path("params.yaml").read_text()
    three = text.replace(
        "  scales: [1.0]\n  flip: true\n  refine", "  scales: [1.0, 0.5, 1.5]\n  flip: true\n  refine"
    )
    assert three != text
    Path("params.yaml").unlink()
    model = tmp_path / "other/models/segmentation/cam"
    model.mkdir(parents=True)
    file = {"here": Path("params.yaml"), "project of the model": tmp_path / "other/params.yaml"}.get(around)
    if file:
        file.write_text(three)
    said = {"here": "", "nowhere": "the values are those of a new project"}.get(
        around, f"the values are {file}"
    )
    assert main(["predict", "images/a/one.png", "--model", str(model), "--out", "out"]) == 0
    assert said in capsys.readouterr().err
    assert len(set(net.sizes)) == (1 if around == "nowhere" else 3)


@pytest.mark.parametrize(
    ("scale", "column", "area"),
    [("0.5mm", "area_mm2", 0.25), ("2 µm", "area_um2", 4), (".1m", "area_m2", 0.01)],
)
def test_a_scale_gives_areas(scale: str, column: str, area: float) -> None:
    assert main(["predict", "images", "--scale", scale, "--out", "out"]) == 0
    header, first, *_ = read_rows()
    mask = read_mask(Path("out/masks/a/one.png"))
    assert header[-1] == column
    assert float(first[-1]) == pytest.approx((mask == 1).sum() * area, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scale", "5"], "--scale: expected the side of a pixel such as 0.05mm"),
        (["--scale", "0mm"], "--scale: expected the side of a pixel"),
        (["--threshold", "cat=0.5"], "--threshold: expected CLASS=P with one of image, dog, got 'cat=0.5'"),
        (["--threshold", "dog=2"], "--threshold dog: expected a probability between 0 and 1, got '2'"),
        (["--threshold", "dog"], "--threshold: expected CLASS=P"),
        (["--min-confidence", "1"], "--min-confidence: expected a number in [0, 1), got 1"),
        (["--min-area", "-1"], "--min-area: expected 0 or more, got -1"),
    ],
)
def test_wrong_options_are_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "images", *options, "--out", "out"]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--threshold", "dog=1e-12"], {2}),
        (["--threshold", "image=0.5", "--threshold", "dog=1e-6"], {1, 2}),
        (["--min-confidence", "0.9999999"], {1, 255}),
        (["--min-area", "300"], {0}),
        (["--min-area", "200"], {0, 1}),
        (["--min-area", "75", "--scale", "0.5mm"], {0}),  # 300 pixels
    ],
)
def test_options_that_make_masks(options: list[str], ids: set[int]) -> None:
    assert main(["predict", "images/a/one.png", *options, "--overlay", "--out", "out"]) == 0
    mask = read_mask(Path("out/masks/one.png"))
    assert set(np.unique(mask).tolist()) == ids
    rows = read_rows()[1:]
    assert [float(row[6]) for row in rows] == pytest.approx([(mask == i).mean() for i in (1, 2)], abs=1e-6)
    assert float(rows[0][3]) == pytest.approx((mask == 255).mean(), abs=1e-6)
    assert [row[7] == "0" for row in rows] == [i not in ids for i in (1, 2)]


@pytest.mark.parametrize("tile", [[], ["--tile"]])
def test_all_exports_lie_beside_the_masks(tile: list[str]) -> None:
    write_image_file(Path("images/large.png"), half_red(100, 300))
    formats = [word for name in ("coco", "geojson", "yolo") for word in ("--export", name)]
    assert main(["predict", "images", *formats, *tile, "--out", "out"]) == 0
    names = ["a/one", "b/one", "large"]
    polygons = json.loads(Path("out/geojson/large.geojson").read_text())["features"]
    mask = read_mask(Path("out/masks/large.png"))
    assert [feature["properties"]["pixels"] for feature in polygons] == [(mask == 1).sum()]
    coco = json.loads(Path("out/annotations.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == [f"images/{name}.png" for name in names]
    assert sorted(entry["area"] for entry in coco["annotations"])[-1] == (mask == 1).sum()
    assert [line.split()[0] for line in Path("out/yolo/large.txt").read_text().splitlines()] == ["0"]
    assert {f"geojson/{name}.geojson" for name in names} | {f"yolo/{name}.txt" for name in names} < written()
    assert not Path("out/.regions").exists()
