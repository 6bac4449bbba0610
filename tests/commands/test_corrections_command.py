"""`camseg corrections` on a small project: what is exported comes back, what is wrong is refused."""

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.data.images import mask_png, read_mask, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, Split, write_manifest
from pipeline.formats.palette import voc_palette

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("cat", "été <&>", "ignore")  # the open label is then called `ignore_`
FORMATS = ("png", "voc", "coco", "cvat", "labelstudio")
KEPT = Path("data/corrections")
# name, height, width, labels, split
SAMPLES: tuple[tuple[str, int, int, tuple[int, ...], Split], ...] = (
    ("a/photo", 9, 14, (0, 2), "train"),
    ("b/photo", 11, 6, (1,), "train"),
    ("empty", 5, 10, (), "train"),
    ("über all", 8, 13, (0, 1, 2), "train"),
    ("val-1", 6, 8, (0,), "val"),
)
TRAIN = [name for name, *_, split in SAMPLES if split == "train"]


def draw(height: int, width: int, labels: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Every label, the background and open pixels, at random; of an image without labels the background."""
    ids = [0, 255, *(label + 1 for label in labels)] if labels else [0]
    rng = np.random.default_rng([seed, height])
    return rng.permutation(np.resize(ids, height * width)).reshape(height, width).astype(np.uint8)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, a manifest and the masks of the training images as the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SHIPPED, "params.yaml")
    samples = []
    for name, height, width, labels, split in SAMPLES:
        write_image(Path(f"images/{name}.png"), np.full((height, width, 3), 90, np.uint8))
        samples.append(Sample(name, f"{name}.png", "", height, width, labels, split, False, False))
        if split == "train":
            write_mask(Path(f"data/masks/full/{name}.png"), draw(height, width, labels))
    write_manifest(Path("data/prepared"), Manifest("images", CLASSES, tuple(samples)))
    KEPT.mkdir(parents=True)
    (KEPT / "README.md").touch()


def export(name: str, out: str = "out") -> Path:
    assert main(["export", name, out, "--masks", "full"]) == 0
    return Path(out)


def kept() -> dict[str, np.ndarray]:
    return {str(f.relative_to(KEPT).with_suffix("")): read_mask(f) for f in sorted(KEPT.rglob("*.png"))}


def require_kept(*names: str) -> None:
    """The masks of `names`, and no others, are those that were exported."""
    assert list(kept()) == sorted(names)
    for name, mask in kept().items():
        np.testing.assert_array_equal(mask, read_mask(Path(f"data/masks/full/{name}.png")))


def require_refused(path: str | Path, *messages: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Adding `path` ends with 2, says all of `messages`, and writes nothing."""
    before = {file: file.read_bytes() for file in KEPT.rglob("*") if file.is_file()}
    capsys.readouterr()
    assert main(["corrections", "add", str(path)]) == 2
    err = capsys.readouterr().err
    for message in messages:
        assert message in err
    assert {file: file.read_bytes() for file in KEPT.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("options", [[], ["--format"]])
@pytest.mark.parametrize("name", FORMATS)
def test_what_was_exported_comes_back_to_the_pixel(name: str, options: list[str]) -> None:
    out = export(name)
    assert main(["corrections", "add", str(out), *(o for option in options for o in (option, name))]) == 0
    require_kept(*TRAIN)
    assert (KEPT / "classes.txt").read_text(encoding="utf-8").splitlines() == list(CLASSES)


@pytest.mark.parametrize("path", ["out/annotations.json", "out/tasks.json", "out/annotations.zip"])
def test_a_single_file_is_enough(path: str) -> None:
    export({"annotations": "coco", "tasks": "labelstudio"}[Path(path).stem] if "json" in path else "cvat")
    assert main(["corrections", "add", path]) == 0
    require_kept(*TRAIN)


def test_masks_that_nobody_changed_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    out = export("cvat")
    shutil.copytree("data/masks", "before")
    write_mask(Path("data/masks/full/b/photo.png"), np.full((11, 6), 2, np.uint8))
    changed = export("labelstudio", "changed")  # in whatever format it comes back
    assert main(["corrections", "add", str(changed), "--exported", str(out)]) == 0
    told = capsys.readouterr().out
    assert "1 mask(s) added, 0 replaced: 1 in" in told
    assert "left out, since nobody drew in them: 3 (--all takes them)" in told
    require_kept("b/photo")
    shutil.copytree("before", "data/masks", dirs_exist_ok=True)
    assert main(["corrections", "add", str(export("png", "same")), "--exported", str(out)]) == 2
    assert "camseg: same: expected masks that somebody drew, got none; left out: a/photo, " in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("store", ["cam", "cam-round1"])
def test_masks_that_equal_those_of_camseg_are_left_out(
    name: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = export(name)
    for bare in ("a/photo", "empty"):
        target = Path(f"data/masks/{store}/{bare}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"data/masks/full/{bare}.png", target)
    assert main(["corrections", "add", str(out)]) == 0
    require_kept("b/photo", "über all")
    assert "2 mask(s) added, 0 replaced: 2 in" in capsys.readouterr().out
    assert main(["corrections", "add", str(out), "--all"]) == 0
    require_kept(*TRAIN)
    assert "2 mask(s) added, 0 replaced, 2 as they lay there: 4 in" in capsys.readouterr().out


def test_masks_of_people_are_no_masks_of_camseg() -> None:
    out = export("png")
    shutil.copytree("data/masks/full", "data/masks/corrected")
    assert main(["corrections", "add", str(out)]) == 0
    require_kept(*TRAIN)


@pytest.mark.parametrize("name", ["a/photo", "b/photo", "über all"])
def test_a_replaced_mask_stays_beside(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = export("png")
    assert main(["corrections", "add", str(out)]) == 0
    file = out / f"masks/{name}.png"
    first = read_mask(KEPT / f"{name}.png")
    for value in (255, int(first[first < 255].max())):
        write_mask(file, np.full_like(first, value))
        assert main(["corrections", "add", str(out)]) == 0
        assert "0 mask(s) added, 1 replaced, 3 as they lay there: 4 in" in capsys.readouterr().out
    assert list(kept()) == sorted([*TRAIN, f".replaced/{name}-1", f".replaced/{name}-2"])
    np.testing.assert_array_equal(read_mask(KEPT / f".replaced/{name}-1.png"), first)
    assert (read_mask(KEPT / f".replaced/{name}-2.png") == 255).all()
    assert main(["corrections", "list"]) == 0
    assert ".replaced" not in capsys.readouterr().out


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_said_of_masks_that_are_left_out(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for bare, (height, width) in {"b/photo": (11, 6), "über all": (8, 13)}.items():
        write_mask(Path(f"data/masks/full/{bare}.png"), np.zeros((height, width), np.uint8))
    out = export(name)
    write_mask(Path("data/masks/full/über all.png"), np.full((8, 13), 1, np.uint8))
    again = export(name, "again")
    capsys.readouterr()
    assert main(["corrections", "add", str(again), "--exported", str(out)]) == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert "expected each label of 'über all', got none of" in warning


def rewrite_zip(change: Callable[[dict[str, bytes]], dict[str, bytes]], out: str = "back.zip") -> Path:
    """What was exported for CVAT as another zip, after `change` of its files."""
    with zipfile.ZipFile(export("cvat") / "annotations.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in change(files).items():
            archive.writestr(name, content)
    return Path(out)


def rgb_png(mask: np.ndarray, colours: dict[int, tuple[int, int, int]]) -> bytes:
    """A mask in colours without a palette, as CVAT writes it."""
    table = np.zeros((256, 3), np.uint8)
    for label, colour in colours.items():
        table[label] = colour
    write_image(Path("scratch.png"), table[mask])
    return Path("scratch.png").read_bytes()


def test_cvat_hands_back_colours_in_its_own_order() -> None:
    colours = {0: (0, 0, 0), 1: (9, 8, 7), 2: (250, 50, 83), 3: (1, 1, 1), 255: (51, 221, 255)}
    names = {1: "cat", 2: "été <&>", 3: "ignore", 255: "ignore_", 0: "background"}

    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        masks = {f"{name}.png": read_mask(Path(f"data/masks/full/{name}.png")) for name in TRAIN}
        masks_in_colours = {
            f"SegmentationClass/{name}": rgb_png(mask, colours) for name, mask in masks.items()
        }
        lines = [f"{names[i]}:{','.join(map(str, colours[i]))}::" for i in (255, 3, 0, 2, 1)]
        label_map = "\n".join(["# label:color_rgb:parts:actions", *lines])
        return {
            **masks_in_colours,
            "labelmap.txt": label_map.encode(),
            "ImageSets/Segmentation/default.txt": b"",
        }

    assert main(["corrections", "add", str(rewrite_zip(change))]) == 0
    require_kept(*TRAIN)


def test_coco_as_a_tool_hands_it_back() -> None:
    """Other ids and order of the categories, polygons, no crowds, images by a path of the tool."""
    document = {
        "images": [{"id": "x", "file_name": "upload/b/photo.jpg", "height": 11, "width": 6}],
        "categories": [{"id": 7, "name": "ignore_"}, {"id": 2, "name": "été <&>"}, {"id": 1, "name": "car"}],
        "annotations": [
            {"image_id": "x", "category_id": 2, "segmentation": [[1, 2, 4, 2, 4, 5, 1, 5]]},
            {"image_id": "x", "category_id": 7, "segmentation": {"size": [11, 6], "counts": [60, 6]}},
        ],
    }
    Path("instances_default.json").write_text(json.dumps(document))
    assert main(["corrections", "add", "instances_default.json"]) == 0
    expected = np.zeros((11, 6), np.uint8)
    expected[2:5, 1:4] = 2
    expected[5:, 5] = 255  # column after column: pixel 60 is column 5, row 5
    np.testing.assert_array_equal(kept()["b/photo"], expected)


def change_tasks(change: Callable[[list[dict[str, object]]], object]) -> Path:
    """What was exported for Label Studio, after `change`."""
    tasks = json.loads((export("labelstudio") / "tasks.json").read_text(encoding="utf-8"))
    Path("back.json").write_text(json.dumps(change(tasks) or tasks))
    return Path("back.json")


def test_label_studio_annotations_go_before_predictions() -> None:
    """Only the tasks that somebody looked at count, with the last annotation that was not cancelled."""

    def annotate(tasks: list[dict[str, object]]) -> None:
        for task in tasks:
            (prediction,) = task["predictions"]  # type: ignore[misc]
            if task["data"]["name"] == "b/photo":  # type: ignore[index]
                task["data"] = {"image": "/data/local-files/?d=images/b/photo.png"}
                old, last = {"result": []}, {"result": prediction["result"], "was_cancelled": False}
                rated = {"type": "rating", "value": {"rating": 3}}
                last["result"].append(rated)
                task["annotations"] = [old, last, {"result": [], "was_cancelled": True}]
            task["predictions"] = [{"result": []}]

    assert main(["corrections", "add", str(change_tasks(annotate))]) == 0
    require_kept("b/photo")


def test_label_studio_names_images_by_their_address() -> None:
    def rename(tasks: list[dict[str, object]]) -> None:
        tasks[:] = [task for task in tasks if task["data"]["name"] == "über all"]  # type: ignore[index]
        tasks[0]["data"] = {"image": "/data/upload/1/0a1b2c3d-%C3%BCber%20all.png"}

    assert main(["corrections", "add", str(change_tasks(rename))]) == 0
    require_kept("über all")


def test_coco_without_any_annotation_says_background() -> None:
    image = {"id": 1, "file_name": "empty.png", "height": 5, "width": 10}
    Path("back.json").write_text(json.dumps({"images": [image], "categories": [], "annotations": []}))
    assert main(["corrections", "add", "back.json"]) == 0
    require_kept("empty")


def test_two_masks_of_one_image_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    out = export("png")
    shutil.copy(out / "masks/a/photo.png", out / "masks/photo.png")  # a/ and b/ have one of that name
    shutil.copy(out / "masks/empty.png", out / "masks/a/empty.png")
    require_refused(
        out,
        "masks/photo.png: expected a training image for 'photo', got 2: a/photo, b/photo",
        "masks/empty.png: expected one mask for 'empty', got a second mask of it, after empty.png",
        capsys=capsys,
    )


def test_everything_wrong_is_listed_at_once_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["corrections", "add", str(export("png"))]) == 0
    masks = Path("out/masks")
    write_mask(masks / "nobody.png", np.zeros((4, 4), np.uint8))
    write_mask(masks / "val-1.png", np.zeros((6, 8), np.uint8))
    write_mask(masks / "a/photo.png", np.zeros((14, 9), np.uint8))  # lying on its side
    write_mask(masks / "b/photo.png", np.full((11, 6), 61, np.uint8))
    write_mask(masks / "empty.png", np.full((5, 10), 1, np.uint8))
    (masks / "über all.png").write_bytes(mask_png(np.zeros((8, 13), np.uint8))[:60])
    require_refused(
        "out",
        "out/masks/nobody.png: expected a training image for 'nobody', got none of that name",
        "out/masks/val-1.png: expected a training image for 'val-1', got one of val",
        "out/masks/a/photo.png: expected the 9 x 14 pixels (height x width) of 'a/photo', got 14 x 9",
        "out/masks/b/photo.png: expected the classes cat, été <&>, ignore, got id 61",
        "out/masks/empty.png: expected the image-level labels of 'empty': background, got cat. "
        "Correct the labels of the image (labels.csv) and run `dvc repro prepare`",
        "out/masks/über all.png: expected a mask for 'über all', got an error: cannot be read as an image",
        "no mask was added: 6 error(s)",
        capsys=capsys,
    )


def test_unknown_classes_count_only_where_they_are_painted(capsys: pytest.CaptureFixture[str]) -> None:
    out = export("png")
    (out / "classes.txt").write_text("cat\nété <&>\nignore\ncar\n", encoding="utf-8")
    assert main(["corrections", "add", str(out)]) == 0
    write_mask(out / "masks/b/photo.png", np.full((11, 6), 4, np.uint8))
    require_refused(out, "expected the classes cat, été <&>, ignore, got 'car'", capsys=capsys)


def test_labels_without_a_pixel_are_worth_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    out = export("png")
    write_mask(out / "masks/a/photo.png", np.full((9, 14), 3, np.uint8))
    assert main(["corrections", "add", str(out)]) == 0
    assert "warning: out/masks/a/photo.png: expected each label of 'a/photo', got none of cat" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("change", ["size", "sizes", "label", "rle", "polygon", "two labels"])
def test_wrong_brushes_are_refused(change: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = {
        "size": "expected the 9 x 14 pixels (height x width) of 'a/photo', got 9 x 15",
        "sizes": "expected one size of the image, got several",
        "label": "expected the classes cat, été <&>, ignore, got 'car'",
        "rle": "expected a mask for 'a/photo', got an error: result 1: expected at least",
        "polygon": "expected result 1 painted with the brush and one label, got something else",
        "two labels": "expected result 1 painted with the brush and one label, got something else",
    }[change]

    def spoil(tasks: list[dict[str, object]]) -> None:
        task = next(t for t in tasks if t["data"]["name"] == "a/photo")  # type: ignore[index]
        results = task["predictions"][0]["result"]  # type: ignore[index]
        if change == "size":
            for result in results:
                result["original_width"] = 15
        elif change == "sizes":
            results[0]["original_width"] = 15
        elif change == "label":
            results[0]["value"]["brushlabels"] = ["car"]
        elif change == "rle":
            results[0]["value"]["rle"] = results[0]["value"]["rle"][:-5]
        elif change == "polygon":
            results[0]["type"] = "polygonlabels"
        else:
            results[0]["value"]["brushlabels"] = ["cat", "ignore"]

    require_refused(change_tasks(spoil), message, capsys=capsys)


def test_truncated_run_lengths_of_coco_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    file = export("coco") / "annotations.json"
    document = json.loads(file.read_text())
    document["annotations"][0]["segmentation"]["counts"] = document["annotations"][0]["segmentation"][
        "counts"
    ][:-2]
    file.write_text(json.dumps(document))
    require_refused(file, "got an error: annotations[0]: expected run lengths that add up to", capsys=capsys)


@pytest.mark.parametrize("name", ["../escaped.png", "/escaped.png", "SegmentationClass/../../escaped.png"])
def test_members_that_leave_the_folder_are_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(Path().rglob("*"))
    file = rewrite_zip(lambda files: {**files, name: b"x"})
    require_refused(file, "back.zip: expected files in one folder, got a name that leaves it", capsys=capsys)
    assert not [path for path in set(Path().rglob("*")) - before if "escaped" in path.name]
    assert not Path("/escaped.png").exists()


def test_links_and_repeated_members_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile("link.zip", "w") as archive:
        link = zipfile.ZipInfo("SegmentationClass/b/photo.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    require_refused("link.zip", "link.zip: expected files in one folder, got a link", capsys=capsys)
    with zipfile.ZipFile("twice.zip", "w") as archive:
        archive.writestr("masks/empty.png", b"")
        archive.writestr("masks/./empty.png", b"")  # another name of the same file
    require_refused("twice.zip", "got a name twice", capsys=capsys)


@pytest.mark.parametrize("names", [("a", "a/b.png"), ("n" * 300,)])
def test_zips_that_no_disk_takes_are_named(
    names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile("odd.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    assert main(["corrections", "add", "odd.zip"]) == 2
    assert capsys.readouterr().err.startswith("camseg: odd.zip: cannot be unpacked: File ")


def test_zips_have_bounds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = export("cvat") / "annotations.zip"
    monkeypatch.setattr("pipeline.data.corrections.archive.MOST_BYTES", 500)
    require_refused(file, "expected at most 200000 files of 0 MB together", capsys=capsys)
    Path("broken.zip").write_bytes(file.read_bytes()[:-30])
    require_refused("broken.zip", "broken.zip: expected a zip file, got", capsys=capsys)


def test_links_in_folders_are_not_followed(capsys: pytest.CaptureFixture[str]) -> None:
    out = export("png", "to/out")
    shutil.move(out / "masks/empty.png", "secret.png")
    (out / "masks/empty.png").symlink_to(Path("secret.png").resolve())
    require_refused(out, "empty.png: expected a file in to/out/masks, got a link to elsewhere", capsys=capsys)


@pytest.mark.parametrize("path", ["none", "empty", "images", "params.yaml", "data/prepared/manifest.json"])
def test_what_holds_no_masks_is_refused(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    messages = {
        "empty": "empty: expected masks, got none",
        "none": "none: expected a folder, a .zip or a .json",
    }
    require_refused(path, messages.get(path, path), capsys=capsys)


def test_ids_keep_their_class_when_classes_come_and_move() -> None:
    assert main(["corrections", "add", str(export("png"))]) == 0
    before = kept()
    old = json.loads(Path("data/prepared/manifest.json").read_text())
    classes = ("bird", *reversed(CLASSES))
    old["samples"]["labels"] = [
        sorted(classes.index(CLASSES[label]) for label in labels) for labels in old["samples"]["labels"]
    ]
    Path("data/prepared/manifest.json").write_text(json.dumps({**old, "classes": classes}))
    # The same masks with the new ids: bird 1, ignore 2, été 3, cat 4.
    moved = np.arange(256, dtype=np.uint8)
    moved[1:4] = [4, 3, 2]
    for name in TRAIN:
        write_mask(Path(f"again/masks/{name}.png"), moved[before[name]])
    shutil.rmtree(KEPT / "a")
    assert main(["corrections", "add", "again"]) == 0
    assert (KEPT / "classes.txt").read_text(encoding="utf-8").splitlines() == [*CLASSES, "bird"]
    require_kept(*TRAIN)


def test_more_classes_than_ids(capsys: pytest.CaptureFixture[str]) -> None:
    (KEPT / "classes.txt").write_text("".join(f"old {i}\n" for i in range(252)))
    require_refused(
        export("png"), "classes.txt: expected up to 254 classes with those of the data", capsys=capsys
    )
    (KEPT / "classes.txt").write_text("".join(f"old {i}\n" for i in range(251)))
    assert main(["corrections", "add", "out"]) == 0
    assert set(kept()["b/photo"].flat) == {0, 253, 255}  # its class is the second after 251 others


def test_debug_shows_where_an_error_comes_from() -> None:
    for arguments in (["--debug", "add", "none"], ["add", "none", "--debug"]):
        with pytest.raises(ValueError, match="none: expected a folder"):
            main(["corrections", *arguments])


def test_added_again_listed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corrections", "add", str(export("png"))]) == 0
    assert "4 mask(s) added, 0 replaced: 4 in data/corrections" in capsys.readouterr().out
    write_mask(Path("out/masks/b/photo.png"), np.full((11, 6), 2, np.uint8))
    assert main(["corrections", "add", "out/masks"]) == 0
    assert "0 mask(s) added, 1 replaced, 3 as they lay there: 4 in" in capsys.readouterr().out
    assert (kept()["b/photo"] == 2).all()
    assert main(["corrections", "remove", "b/photo", "nobody"]) == 2
    assert "data/corrections: expected names as `list` prints them, got nobody" in capsys.readouterr().err
    assert main(["corrections", "remove", "b/photo", "empty"]) == 0
    assert not (KEPT / "b").exists()
    capsys.readouterr()
    assert main(["corrections", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == ["a/photo", "über all"]
    assert (KEPT / "README.md").exists()


def test_colours_of_the_palette_are_those_of_voc() -> None:
    """What is kept opens in colours, as all masks do."""
    assert main(["corrections", "add", str(export("png"))]) == 0
    from PIL import Image

    with Image.open(KEPT / "empty.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.array(image.getpalette()).reshape(-1, 3), voc_palette()[:256])
