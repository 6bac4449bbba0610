"""The review page as a person uses it, opened from disk in headless Chromium."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.base.files import read_json, write_json
from pipeline.data.images import write_mask
from pipeline.data.manifest import write_manifest
from pipeline.evaluation.confusion import confusion_matrix, image_iou
from pipeline.masks.threshold import mask_at_threshold, upsample
from pipeline.report.review_page import write_script
from pipeline.report.safe_colours import OKABE_ITO, safe_colours
from tests.report.review_project import (
    CLASSES,
    IMAGES,
    SIZE,
    drawn,
    open_image,
    open_page,
    pseudo_mask,
    shows,
    start_chromium,
    stored_heat,
    true_mask,
    walled,
    write_review_project,
)

INDEX = "reports/review/index.html"
LEAST_SURE = ["b", "e", "sub/c", "a", "d"]  # of the training images
ODD = {
    "a": "<img src=x onerror=alert(1)>",
    "b": "\"'`;alert(1)//",
    "d": "__proto__",
    "e": "ünï 漢\u2028字 \U0001f600",
}
ODD_CLASSES = ("<script>alert(1)</script>", "a\"b'c&amp;\\")


def build(root: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("CAMSEG_WORKERS", "1")
        assert main(["review", "build"]) == 0
    return (root / INDEX).as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    yield from start_chromium()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("review")
    write_review_project(root)
    return build(root)


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    page = open_page(chromium, address)
    yield page
    assert page.errors == []
    page.context.close()


def saved(page: Any, path: Path) -> dict[str, Any]:
    """The decisions that the page gives to download, by name."""
    with page.expect_download() as download:
        page.locator("#download").click()
    download.value.save_as(path)
    assert download.value.suggested_filename == "decisions.json"
    content = read_json(path)
    assert (content["camseg"], content["masks"]) == ("decisions 1", "cam")
    return {decision["name"]: decision for decision in content["decisions"]}


def painted_mask(decision: dict[str, Any]) -> np.ndarray:
    runs = decision["painted"]
    return np.repeat(runs[::2], runs[1::2]).reshape(SIZE).astype(np.uint8)


def drag(page: Any, *points: tuple[float, float]) -> None:
    """Press at the first point of the first pane, (x, y) in pixels of the image, and move to the others."""
    box = page.locator(".pane canvas").first.bounding_box()
    fit = min(box["width"] / SIZE[1], box["height"] / SIZE[0])
    left = box["x"] + (box["width"] - SIZE[1] * fit) / 2
    top = box["y"] + (box["height"] - SIZE[0] * fit) / 2
    for number, (x, y) in enumerate(points):
        page.mouse.move(left + x * fit, top + y * fit)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def choose(page: Any, control: str, value: str) -> None:
    """Set a control of the page by what it is."""
    element = page.locator(f"#{control}")
    kind = element.evaluate("e => e.tagName === 'SELECT' ? 'select' : e.type")
    if kind == "select":
        element.select_option(value)
    else:
        element.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", value)


def test_asks_this_machine_for_nothing_but_its_own_files(chromium: Any, address: str) -> None:
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector(".tile img[src]")
    open_image(page, "b")
    folder = address.removesuffix("index.html")
    assert asked
    assert all(url.startswith((folder, "data:")) for url in asked)
    page.context.close()


@pytest.mark.parametrize(
    ("control", "value", "names"),
    [
        ("split", "val", ["f"]),
        ("split", "", ["b", "e", "f", "sub/c", "a", "d"]),
        ("class", "0", ["sub/c", "a"]),
        ("class", "none", ["d"]),
        ("only", "lost", ["sub/c"]),
        ("only", "issues", ["e"]),
        ("confidence", "0.4", ["b", "e"]),
        ("score", "0.6", ["sub/c", "a"]),
        ("search", "SUB", ["sub/c"]),
        ("decision", "none", LEAST_SURE),
        ("decision", "accepted", []),
        ("sort", "doubt", LEAST_SURE),
        ("sort", "worst", ["a", "sub/c", "e", "b", "d"]),
        ("sort", "name", ["a", "b", "d", "e", "sub/c"]),
        ("sort", "small", ["d", "a", "b", "e", "sub/c"]),
        ("sort", "large", ["a", "b", "e", "sub/c", "d"]),
    ],
)
def test_filters_and_sorts(page: Any, control: str, value: str, names: list[str]) -> None:
    choose(page, control, value)
    page.wait_for_function("n => document.querySelectorAll('.tile').length === n", arg=len(names))
    assert walled(page) == names
    shows(page, "#count", f"{len(names)} of 6 images")


def test_random_order_has_the_same_images(page: Any) -> None:
    choose(page, "sort", "random")
    assert sorted(walled(page)) == sorted(LEAST_SURE)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.81])
def test_threshold_is_that_of_the_pipeline(page: Any, threshold: float) -> None:
    labels = IMAGES["sub/c"][0]
    open_image(page, "sub/c")
    choose(page, "threshold", str(threshold))
    heat = upsample(stored_heat(labels), SIZE)
    mask = mask_at_threshold(heat, np.array(labels), threshold)
    miou = image_iou(confusion_matrix(true_mask(labels), mask, 3))
    shares = [f"{100 * (mask == i).mean():.1f} %" for i in range(3)]
    page.wait_for_function(
        "t => document.getElementById('threshold-value').value === t", arg=f"{threshold:.2f}"
    )
    cells = '#shares tr:has-text("heat above") td'
    shows(page, f"{cells}:nth-of-type(-n+3)", shares)
    shown = float(page.locator(cells).nth(3).inner_text())
    assert shown == pytest.approx(miou, abs=6e-4)  # 0.3125 is rounded up here, and to even in Python


def test_masks_are_told_apart(page: Any) -> None:
    open_image(page, "b")
    rows = page.evaluate(
        "[...document.querySelectorAll('#shares tr')].map(row => [...row.cells].map(c => c.textContent))"
    )
    shift = image_iou(confusion_matrix(true_mask([1]), pseudo_mask([1]), 3))
    assert [row[0] for row in rows] == [
        "",
        "heat above the threshold",
        "mask cam",
        "ground truth",
    ]
    assert rows[2][-1] == f"{shift:.3f}"
    shows(page, ".pane span", ["image", "heatmap", "mask cam", "ground truth"])
    page.keyboard.press("Escape")
    choose(page, "split", "val")
    open_image(page, "f")
    shows(page, ".pane span", ["image", "prediction cam", "ground truth"])
    assert page.locator("#accept").is_disabled()
    page.keyboard.press("a")
    page.locator("#message", has_text="the others score").wait_for()


@pytest.mark.parametrize("known", [True, False])
def test_added_ground_truth_and_predictions_of_training_images_are_layers(
    chromium: Any, tmp_path: Path, known: bool
) -> None:
    write_review_project(tmp_path)
    for name, labels in (("b", [1]), ("f", [0])):
        swapped = np.array([0, 2, 1], np.uint8)[true_mask(labels)]
        write_mask(tmp_path / f"data/ground_truth/{name}.png", swapped)
    (tmp_path / "data/ground_truth/classes.txt").write_text("".join(f"{n}\n" for n in reversed(CLASSES)))
    write_mask(tmp_path / "data/masks/cam-round1/b.png", np.roll(true_mask([1]), 3, axis=0))
    if not known:
        shutil.rmtree(tmp_path / "data/masks/full")
    page = open_page(chromium, build(tmp_path))
    open_image(page, "b")
    truth = ["ground truth"] if known else []
    within, drawn = "prediction cam, within the labels", "drawn ground truth"
    captions = page.locator(".pane span").all_inner_texts()
    assert captions == ["image", "heatmap", "mask cam", within, *truth, drawn]
    cells = page.evaluate(
        "[...document.querySelectorAll('#shares tr')].map(row => [...row.cells].map(c => c.textContent))"
    )
    scores = {row[0]: row[-1] for row in cells}
    for name, mask in (("mask cam", pseudo_mask([1])), (within, np.roll(true_mask([1]), 3, axis=0))):
        assert scores[name] == f"{image_iou(confusion_matrix(true_mask([1]), mask, 3)):.3f}"
    assert scores[drawn] == ("1.000" if known else "")
    assert cells[-1][1:3] == [f"{100 * (true_mask([1]) == i).mean():.1f} %" for i in (0, 2)]
    page.keyboard.press("Escape")
    choose(page, "split", "val")
    open_image(page, "f")
    assert page.locator(".pane span").all_inner_texts() == ["image", "prediction cam", *truth, drawn]
    assert page.errors == []
    page.context.close()


def test_keyboard_alone(page: Any, tmp_path: Path) -> None:
    page.keyboard.press("ArrowRight")  # from the first to the second of the wall
    page.keyboard.press("Enter")
    drawn(page, "e")
    for key, name in (("ArrowLeft", "b"), ("n", "e"), ("p", "b"), ("a", "e"), ("r", "sub/c"), ("w", "a")):
        page.keyboard.press(key)
        drawn(page, name)
    for key in ("b", "Shift+ArrowDown", "Shift+ArrowRight", "Space"):
        page.keyboard.press(key)
    shows(page, "#badge", "painted")
    page.keyboard.press("a")  # what was painted is accepted
    drawn(page, "d")
    page.keyboard.press("r")
    page.keyboard.press("u")
    page.locator("#pace", has_text="4 of 5").wait_for()
    decisions = saved(page, tmp_path / "decisions.json")
    kinds = {name: decision["decision"] for name, decision in decisions.items()}
    assert kinds == {"b": "accepted", "e": "rejected", "sub/c": "wrong-label", "a": "painted", "d": None}
    assert (painted_mask(decisions["a"]) != pseudo_mask([0])).any()
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    shows(page, ".tile b", ["accepted", "rejected", "label is wrong", "painted"])


def test_undo_goes_back_step_by_step(page: Any, tmp_path: Path) -> None:
    open_image(page, "b")
    page.keyboard.press("b")
    drag(page, (60, 20), (70, 20))
    drag(page, (60, 30), (70, 30))
    page.keyboard.press("r")
    drawn(page, "e")
    for badge in ("painted", "painted", ""):
        page.keyboard.press("Control+z")
        drawn(page, "b")
        page.wait_for_function("b => document.getElementById('badge').textContent === b", arg=badge)
    shows(page, ".pane:nth-child(3) span", "mask cam")
    assert saved(page, tmp_path / "decisions.json")["b"]["decision"] is None
    page.keyboard.press("u")
    shows(page, "#message", "There is nothing to undo.")


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize(("tool", "at", "id"), [("brush", (60, 8), 2), ("eraser", (20, 30), 0)])
def test_brush_and_eraser(
    page: Any, tmp_path: Path, tool: str, at: tuple[int, int], id: int, size: str
) -> None:
    radius = max(1, {"small": 0.012, "large": 0.045}[size] * SIZE[1])
    open_image(page, "b")
    page.locator("label", has_text=tool).first.click()
    page.locator("#paint-box label", has_text=size).click()
    drag(page, at, (at[0] + 8, at[1]))
    mask = painted_mask(saved(page, tmp_path / "decisions.json")["b"])
    changed = mask != pseudo_mask([1])
    rows, columns = np.indices(SIZE)
    nearest = np.clip(columns + 0.5, at[0], at[0] + 8)
    distance = np.hypot(rows + 0.5 - at[1], columns + 0.5 - nearest)
    assert (mask[changed] == id).all()
    assert not changed[distance > radius + 1].any()
    assert (mask[distance < radius - 1] == id).all()
    assert changed.any()


@pytest.mark.parametrize(("key", "id"), [("0", 0), ("1", 1), ("2", 2)])
def test_fill_gives_an_area_a_class(page: Any, tmp_path: Path, key: str, id: int) -> None:
    open_image(page, "sub/c")
    page.keyboard.press("f")
    page.keyboard.press(key)
    drag(page, (20, 30))  # in the block of class 1
    expected = pseudo_mask([0, 1])
    expected[expected == 1] = id
    decisions = saved(page, tmp_path / "decisions.json") if id != 1 else {}
    assert (painted_mask(decisions["sub/c"]) == expected).all() if decisions else not decisions


def test_heat_becomes_the_mask(page: Any, tmp_path: Path) -> None:
    open_image(page, "a")
    choose(page, "threshold", "0.6")
    page.keyboard.press("t")
    expected = mask_at_threshold(upsample(stored_heat([0]), SIZE), np.array([0]), 0.6)
    assert (painted_mask(saved(page, tmp_path / "decisions.json")["a"]) == expected).all()


def pictures(page: Any) -> list[str]:
    page.wait_for_timeout(150)
    return page.evaluate("[...document.querySelectorAll('.pane canvas')].map(c => c.toDataURL())")


@pytest.mark.parametrize("way", ["+", "wheel", "button"])
def test_zoom_and_move_in_step(page: Any, way: str) -> None:
    open_image(page, "sub/c")
    before = pictures(page)
    box = page.locator(".pane canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    match way:
        case "wheel":
            page.mouse.wheel(0, -100)
        case "button":
            page.locator("#closer").click()
        case key:
            page.keyboard.press(key)
    zoomed = pictures(page)
    drag(page, (40, 20), (50, 30))
    moved = pictures(page)
    for earlier, later in ((before, zoomed), (zoomed, moved)):
        assert all(one != other for one, other in zip(earlier, later, strict=True))
    page.keyboard.press("z")
    assert pictures(page) == before


def test_swipe_shows_two_layers_in_one(page: Any) -> None:
    open_image(page, "b")
    page.keyboard.press("c")
    shows(page, ".pane span", ["mask cam | ground truth"])
    middle = pictures(page)
    choose(page, "edge", "0.2")
    left = pictures(page)
    choose(page, "right", "photo")
    assert len({*middle, *left, *pictures(page)}) == 3
    page.keyboard.press("c")
    assert page.locator(".pane").count() == 4


@pytest.mark.parametrize("control", ["fade", "names"])
def test_fade_and_names(page: Any, control: str) -> None:
    open_image(page, "b")
    before = pictures(page)
    if control == "fade":
        choose(page, "fade", "0.1")
    else:
        page.locator("#names").uncheck()
    after = pictures(page)
    assert before[0] == after[0]  # the image itself has no mask
    assert before[2] != after[2]


def test_edge_of_the_swipe_is_dragged(page: Any) -> None:
    open_image(page, "b")
    page.keyboard.press("c")
    page.wait_for_timeout(150)
    box = page.locator(".pane canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50)
    page.mouse.up()
    assert float(page.locator("#edge").input_value()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("seconds", "left"), [(10, "1 minute"), (61, "2 minutes"), (400, "")])
def test_progress_tells_the_pace(chromium: Any, address: str, seconds: int, left: str) -> None:
    page = open_page(chromium, address)
    page.clock.install()
    open_image(page, "b")
    for name in ("e", "sub/c", "a", "d"):
        page.clock.fast_forward(1000 * seconds)
        page.keyboard.press("a")
        drawn(page, name)
    expected = f"4 of 5; at this pace {left}" if left else "4 of 5"  # a long break is no pace
    shows(page, "#pace", expected)
    page.context.close()


def test_layers_can_be_left_out(page: Any) -> None:
    open_image(page, "b")
    page.locator("#layers label", has_text="heatmap").click()
    shows(page, ".pane span", ["image", "mask cam", "ground truth"])


def test_buttons_do_what_keys_do(page: Any) -> None:
    page.locator("#masks-on-wall").uncheck()
    assert not page.locator(".tile img:last-of-type").first.is_visible()
    page.locator("#keys").click()
    page.locator("#help button").click()
    open_image(page, "b")
    for button, name in (
        ("next", "e"),
        ("previous", "b"),
        ("accept", "e"),
        ("reject", "sub/c"),
        ("wrong", "a"),
    ):
        page.locator(f"#{button}").click()
        drawn(page, name)
    page.locator("#undo").click()
    drawn(page, "sub/c")
    page.locator("#take").click()
    shows(page, "#badge", "painted")
    before = pictures(page)
    page.locator("#closer").click()
    page.locator("#wider").click()
    page.locator("#whole").click()
    assert pictures(page) == before
    page.locator("#back").click()
    shows(page, ".tile b", ["accepted", "rejected", "painted"])


def test_data_without_background(chromium: Any, tmp_path: Path) -> None:
    manifest = write_review_project(tmp_path)
    write_manifest(tmp_path / "data/prepared", replace(manifest, background=False))
    write_json(tmp_path / "reports/pseudo_masks/cam/metrics.json", {"threshold": None})
    page = open_page(chromium, build(tmp_path))
    open_image(page, "b")
    assert not page.locator("#cut-box").is_visible()
    shows(page, "#inks label", ["open\n0", "dog\n1"])
    page.keyboard.press("e")
    drag(page, (20, 30), (22, 30))
    mask = painted_mask(saved(page, tmp_path / "decisions.json")["b"])
    assert set(mask[mask != pseudo_mask([1])]) == {255}
    assert page.errors == []
    page.context.close()


def test_decisions_outlast_a_reload(page: Any, tmp_path: Path) -> None:
    open_image(page, "b")
    page.keyboard.press("b")
    drag(page, (60, 20), (70, 20))
    page.keyboard.press("n")
    drawn(page, "e")
    page.keyboard.press("r")
    page.reload()  # the page asks first: the decisions are not downloaded
    page.wait_for_selector("html[data-ready]")
    page.errors.clear()
    shows(page, "#pace", "2 of 5")
    open_image(page, "b")
    shows(page, ".pane:nth-child(3) span", "your mask")
    decisions = saved(page, tmp_path / "decisions.json")
    assert (painted_mask(decisions["b"]) != pseudo_mask([1])).any()
    assert decisions["e"]["decision"] == "rejected"
    page.reload()
    page.wait_for_selector("html[data-ready]")
    shows(page, "#pace", "0 of 5")  # what was downloaded waits for `apply`


def test_every_control_has_a_name_and_is_reached_by_tab(page: Any) -> None:
    open_image(page, "sub/c")
    page.keyboard.press("c")
    controls = "button, select, input"
    nameless = page.evaluate(
        f"""[...document.querySelectorAll({controls!r})].filter(e => !e.textContent.trim() && !e.ariaLabel
        && ![...e.labels ?? []].some(label => label.textContent.trim())).map(e => e.outerHTML)"""
    )
    assert nameless == []
    wanted = page.evaluate(
        f"""[...document.querySelectorAll('#single ' + {controls!r}.split(', ').join(', #single '))].filter(
        e => e.checkVisibility() && !e.disabled && (e.type !== 'radio' || e.checked)).length"""
    )
    reached = set()
    for _ in range(wanted + 12):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("(e => e.closest('#single') && (e.id || e.outerHTML))(document.activeElement)")
        )
    assert len(reached - {None}) >= wanted


@pytest.mark.parametrize("width", [390, 768, 1920])
def test_fits_the_screen(chromium: Any, address: str, width: int) -> None:
    page = open_page(chromium, address, viewport={"width": width, "height": 844})
    for name in (None, "b"):
        if name:
            open_image(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    buttons = [box for b in page.locator(".actions button").all() if (box := b.bounding_box())]
    assert len(buttons) == 6
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in buttons)
    page.context.close()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_dark(chromium: Any, address: str, scheme: str, dark: bool) -> None:
    page = open_page(chromium, address, color_scheme=scheme)
    colours = page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
    paper, text = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
    assert (paper < text) is dark
    page.context.close()


def test_print_leaves_controls_out(page: Any) -> None:
    page.emulate_media(media="print")
    assert not page.locator("#filter").is_visible()
    assert page.locator(".tile").count() == 5
    assert page.pdf()
    page.emulate_media(media="screen")
    open_image(page, "b")
    page.emulate_media(media="print")
    assert not page.locator(".actions").is_visible()
    assert page.locator(".pane canvas").first.is_visible()


def test_odd_names_are_text(chromium: Any, tmp_path: Path) -> None:
    write_review_project(tmp_path, ODD_CLASSES, ODD)
    page = open_page(chromium, build(tmp_path))
    assert sorted(walled(page)) == sorted([*ODD.values(), "sub/c"])
    assert page.locator("#class option").all_inner_texts()[1:3] == list(ODD_CLASSES)
    assert [text.strip() for text in page.locator("#legend li").all_text_contents()] == list(ODD_CLASSES)
    for _ in range(5):
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert page.locator("#name").text_content() in {*ODD.values(), "sub/c"}
        page.keyboard.press("a")
    page.wait_for_timeout(300)
    decisions = saved(page, tmp_path / "decisions.json")
    assert decisions.keys() == {*ODD.values(), "sub/c"}
    assert page.errors == []
    page.context.close()


def test_a_missing_script_is_named(chromium: Any, tmp_path: Path) -> None:
    write_review_project(tmp_path)
    address = build(tmp_path)
    (tmp_path / "reports/review/images/000000.js").unlink()
    page = open_page(chromium, address)
    page.locator(".tile").first.click()
    page.wait_for_selector("#message.error")
    page.locator("#message", has_text="images/000000.js is missing").wait_for()
    page.context.close()


@pytest.mark.parametrize("changed", ["nothing", "mask", "images.csv"])
def test_page_is_built_again_when_it_would_show_something_else(tmp_path: Path, changed: str) -> None:
    write_review_project(tmp_path)
    build(tmp_path)
    file = tmp_path / "reports/review/thumbs/00000.js"
    file.write_text("old")
    if changed == "mask":
        write_mask(tmp_path / "data/masks/cam/a.png", true_mask([0]))
    if changed == "images.csv":
        rows = tmp_path / "reports/pseudo_masks/cam/images.csv"
        rows.write_text(rows.read_text().replace("0.9", "0.8"))
    build(tmp_path)
    assert (file.read_text() == "old") is (changed == "nothing")


@pytest.mark.parametrize("count", [1, 7, 8, 30])
def test_neighbouring_classes_differ_in_colour(count: int) -> None:
    colours = safe_colours(count)
    assert len(colours) == count
    assert colours[:7] == list(OKABE_ITO[:count])
    assert len(set(colours[:14])) == min(count, 14)


MOST_NODES, MOST_SECONDS, LONGEST_TASK, MOST_BYTES = 500, 2.0, 100, 300e6
OBSERVE = """() => { window.tasks = []; new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.tasks.push(entry.duration);
}).observe({entryTypes: ['longtask']}); }"""


@pytest.mark.slow
def test_5000_images(chromium: Any, tmp_path: Path) -> None:
    write_review_project(tmp_path)
    address = build(tmp_path)
    folder = tmp_path / "reports/review"
    table = json.loads((folder / "index.js").read_text().removeprefix("camseg.index(").removesuffix(");\n"))
    thumbs = json.loads(
        (folder / "thumbs/00000.js").read_text().removeprefix("camseg.thumbs(").removesuffix(");\n")
    )
    row = {name: values[0] for name, values in table["columns"].items()}
    table["columns"] = {name: [value] * 5000 for name, value in row.items()}
    table["columns"]["name"] = [f"image-{i:05d}" for i in range(5000)]
    table["columns"]["confidence"] = [i / 5000 for i in range(5000)]
    write_script(folder / "index.js", "index", table)
    padding = "A" * 4000  # a real small image takes as much; behind its end nothing is decoded
    for first in range(0, 5000, 64):
        pairs = [[thumbs[1][0][0] + padding, thumbs[1][0][1]]] * min(64, 5000 - first)
        write_script(folder / f"thumbs/{first // 64:05d}.js", "thumbs", [first, pairs])
    tries = [scroll_5000(chromium, address) for _ in range(3)]  # a busy machine makes tasks longer
    opened, longest = (min(found[key] for found in tries) for key in ("opened", "longest"))
    print(tries)
    assert opened <= MOST_SECONDS
    assert longest <= LONGEST_TASK
    assert max(found["nodes"] for found in tries) <= MOST_NODES
    assert max(found["bytes"] for found in tries) <= MOST_BYTES


def scroll_5000(chromium: Any, address: str) -> dict[str, float]:
    """Seconds until the page is open, the longest task in ms, image elements and bytes while one scrolls."""
    page = open_page(chromium, address)
    opened = page.evaluate("performance.now() / 1000")
    page.wait_for_selector(".tile img[src]")
    page.evaluate(OBSERVE)
    page.mouse.move(600, 600)
    nodes = 0
    for _ in range(150):
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(16)
        nodes = max(nodes, page.locator("img").count())
    page.wait_for_timeout(300)
    longest = max(page.evaluate("window.tasks"), default=0)
    assert page.locator("#scroll").evaluate("e => e.scrollTop") > 20_000
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")
    found = {m["name"]: m["value"] for m in metrics.send("Performance.getMetrics")["metrics"]}
    page.context.close()
    return {"opened": opened, "longest": longest, "nodes": nodes, "bytes": found["JSHeapUsedSize"]}
