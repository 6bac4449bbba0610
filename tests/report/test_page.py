"""The page as a whole, through the stage that writes it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pipeline.base.files import read_json, write_csv, write_json
from pipeline.data.images import read_image, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.evaluation.veto import Level, Veto
from pipeline.report.image_selection import choose_images, ranked, share_out, worst_first
from pipeline.report.results import read_results
from pipeline.report.summary import FINDINGS
from pipeline.stages.report import main
from tests.report.conftest import METHODS, SUPERVISION, make_project

Project = Callable[..., Manifest]
SetParams = Callable[[str, str], None]


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.alt: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        self.alt += [value or "" for name, value in attrs if name == "alt"]

    def handle_data(self, data: str) -> None:
        self.text += data


def render(*, plots: bool = False) -> str:
    """The page, and all else that the stage writes; to draw the plots takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        if not plots:
            patch.setattr(Figure, "savefig", write_nothing)
        main()
    return Path("reports/index.html").read_text(encoding="utf-8")


def write_nothing(_: Figure, file: IO[Any], *, format: str, **options: object) -> None:
    file.write("<svg></svg>" if format == "svg" else b"")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its page, rendered once: to be looked at, not changed."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        make_project(patch, root)
        main()
    return root


@pytest.fixture
def page(finished: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of `finished`, the current folder."""
    monkeypatch.chdir(finished)
    return Path("reports/index.html").read_text(encoding="utf-8")


def rows(page: Page) -> dict[str, list[str]]:
    """The captions of each image shown, in the page's order."""
    result: dict[str, list[str]] = {}
    for alt in page.alt:
        name, caption = alt.split(": ", 1)
        if caption != "label issue":
            result.setdefault(name, []).append(caption)
    return result


def test_page_needs_nothing_else(page: str) -> None:
    parsed = Page(page)
    assert parsed.links
    links = [link for link in parsed.links if link != "run.html"]  # the facts that differ from run to run
    assert all(link.startswith(("data:image/webp;base64,", "#")) for link in links)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert not re.search(r"https?:|//[a-z]+\.|url\((?!#)|@import", page)
    assert str(Path.cwd()) not in page
    assert "12.3" not in parsed.text  # seconds


@pytest.mark.parametrize(
    ("count", "said"), [(0, None), (2, "too few images"), (9, "27 more images would halve")]
)
def test_masks_that_were_drawn_for_scoring_have_a_card_and_areas(
    count: int, said: str | None, project: Project, set_params: SetParams
) -> None:
    manifest = project(masks=False, count=33)
    set_params("images: 40", "images: 0")
    for sample in [s for s in manifest.split("train") if s.labels][:count]:
        mask = np.zeros((sample.height, sample.width), np.uint8)
        mask[5:20, 5:20] = sample.labels[0] + 1
        write_mask(Path("data/ground_truth") / f"{sample.name}.png", mask)
    Path("data/ground_truth").mkdir(exist_ok=True)
    Path("data/ground_truth/classes.txt").write_text("cat\ndog\n")
    text = re.sub(r"\s+", " ", Page(render()).text)
    assert ("mIoU on drawn masks, train" in text) == (count > 0)
    assert ("Areas against drawn masks" in text) == (count > 0)
    assert said is None or said in text
    scores = read_json(Path("reports/summary.json"))["ground_truth"]
    assert scores.keys() == ({"train"} if count else set())
    assert not count or scores["train"]["images"] == count


def test_same_bytes_again(project: Project) -> None:
    project()
    main()
    reports = Path("reports")
    before = {path: path.read_bytes() for path in reports.rglob("*") if path.is_file()}
    (reports / "seconds/prepare.json").write_text('{"seconds": 99}')
    main()
    after = {path: path.read_bytes() for path in reports.rglob("*") if path.is_file()}
    changed = {path.name for path in after if before.get(path) != after[path]}
    assert changed == {"prepare.json", "run.html", "runs.json"}, (
        "what DVC caches has nothing in it that differs from run to run"
    )
    assert before.keys() == after.keys()


def test_problems_of_the_data_are_listed(page: str, project: Project) -> None:
    assert "Problems of the data" not in page
    project()
    lines = [f"photo-{i:02d}.jpg: <b>broken</b>. It is left out (data.on_bad_image)." for i in range(42)]
    Path("data/prepared/problems.txt").write_text("\n".join(lines) + "\n")
    text = Page(render()).text
    assert lines[0] in text
    assert lines[39] in text
    assert lines[40] not in text
    assert "And 2 more in data/prepared/problems.txt." in text


def test_corrected_masks_are_told_and_shown(project: Project, set_params: SetParams) -> None:
    project()
    set_params("threshold: auto ", "threshold: calibrated ")
    for metrics in Path("reports/pseudo_masks").glob("*/metrics.json"):
        metrics.write_text(json.dumps({**json.loads(metrics.read_text()), "corrected": 1}))
    write_mask(Path("data/masks/corrected/train-05.png"), np.ones((30, 40), np.uint8))
    page = Page(render())
    assert "gradcampp: the image-level labels of 6 images and 1 corrected mask, by way of" in page.text
    assert "full: the ground-truth masks of 4 images. This is the full model." in page.text
    assert "Images with a corrected mask do not count: 1." in page.text
    assert "the used one was chosen with the corrected masks" in page.text
    assert "mean over all uncorrected training images" in page.text
    captions = rows(page)
    assert "corrected mask" in captions["train-05"]
    assert "pseudo-mask, gradcampp" not in captions["train-05"]
    assert "corrected mask" not in captions["train-04"]


def test_names_are_text(project: Project) -> None:
    project(classes=("<b>x</b>", "$a & b$"))
    text = render(plots=True)
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x" in text
    assert text.count(">$a &amp; b$</text>") == 7  # in plots: two axes of three matrices, and the bars


def test_worst_first_and_what_a_row_shows(project: Project, set_params: SetParams) -> None:
    project()  # 6 training images with scores falling by name, 3 val images likewise
    set_params("images: 40", "images: 5")
    page = Page(render())
    captions = rows(page)
    assert list(captions) == ["train-05", "train-04", "train-00", "val-08", "val-06"]
    assert page.text.index("Training images") < page.text.index("All segmentation models are"), "tables later"
    masks = ["ground truth", "prediction gradcampp", "prediction full"]
    before = ["heatmap cam", "heatmap gradcampp", "gradcampp > 0.32", "pseudo-mask, gradcampp"]
    assert captions["train-05"] == ["image", *before, *masks]
    assert captions["val-08"] == ["image", *masks]
    assert "mIoU 0.950" in page.text
    assert "3 of 6 images. camseg review shows all" in page.text
    assert page.text.count("Worst first, by the mIoU") == 2
    assert "IoU of each segmentation model on 3 val images with ground truth." in page.text
    assert "75 %" in page.text  # 0.6 / 0.8
    panels = sorted(path.stem for path in Path("reports/panels").iterdir())
    assert panels == sorted(captions)


def add_round(again: str) -> None:
    """Add masks and a model of a second round to a finished run; they score train-00 worst."""
    for folder in (
        *("data/masks", "data/predictions", "models/segmentation"),
        *("reports/pseudo_masks", "reports/segmentation", "reports/evaluation"),
    ):
        shutil.copytree(f"{folder}/gradcampp", f"{folder}/{again}")
    rows = "".join(f"train-{i:02d},0.4,{0.1 + i / 10:.1f},\n" for i in range(6))
    header = "name,miou_before,miou_after,lost_labels\n"
    Path(f"reports/pseudo_masks/{again}/images.csv").write_text(header + rows)
    metrics = Path(f"reports/pseudo_masks/{again}/metrics.json")
    scores = json.loads(metrics.read_text())
    scores["pseudo_masks"]["miou"] = 0.65
    metrics.write_text(json.dumps({**scores, "threshold": 0.5}))


def test_the_masks_that_images_are_ranked_by_are_named(page: str) -> None:
    text = Page(page).text
    assert "Worst first, by the mIoU of the refined mask of gradcampp." in text
    assert "Worst first, by the mIoU of the prediction of gradcampp." in text
    assert "the probabilities of a segmentation model" not in text


def test_images_are_ranked_by_the_masks_of_the_last_round(project: Project, set_params: SetParams) -> None:
    project()
    again = "gradcampp-round1"
    add_round(again)
    set_params("supervision: [gradcampp, full]", f"supervision: [{again}, gradcampp, full]")
    set_params("rounds: {} ", "rounds: {gradcampp-round1: gradcampp} ")
    page = Page(render())
    assert list(rows(page))[:6] == [f"train-{i:02d}" for i in range(6)]
    assert f"Worst first, by the mIoU of the refined mask of {again}." in page.text
    assert f"Worst first, by the mIoU of the prediction of {again}." in page.text
    assert "refined mask of gradcampp." not in page.text
    assert "pseudo-masks, mIoU0.650" in page.text
    assert f"Confusion, {again} masks" in page.text
    assert {"pseudo-mask, gradcampp", f"pseudo-mask, {again}"} < set(rows(page)["train-00"])
    assert re.search(rf"For {again}, the heatmaps are .* threshold\s+is 0\.50", page.text, re.DOTALL)


def test_the_round_before_a_fall_of_the_confidence_leads(
    project: Project, set_params: SetParams, capsys: pytest.CaptureFixture[str]
) -> None:
    project()
    first, second = "gradcampp-round1", "gradcampp-round2"
    header = "name,confidence,corrected,miou_before,miou_after,lost_labels\n"
    for name, sure in ((first, 0.8), (second, 0.7)):  # the second one would win by its scores
        add_round(name)
        rows_of = "".join(f"train-{i:02d},{sure + i / 100:.2f},0,0.4,{1 - sure:.1f},\n" for i in range(6))
        Path(f"reports/pseudo_masks/{name}/images.csv").write_text(header + rows_of)
    models = f"supervision: [{second}, {first}, gradcampp, full]"
    set_params("supervision: [gradcampp, full]", models)
    set_params("rounds: {} ", f"rounds: {{{first}: gradcampp, {second}: {first}}} ")
    page = Page(render())
    reason = (
        f"The confidence of the masks falls from {first} (0.825) to {second} (0.725), mean over 6 training"
    )
    text = re.sub(r"\s+", " ", page.text)
    assert f"{reason} images, so {first} leads. The page, its verdict, camseg export" in text
    assert f"by the mIoU of the refined mask of {first}." in text
    assert f"by the mIoU of the prediction of {first}." in text
    assert f"Of the {first} masks, mean over the training images." in text
    assert json.loads(Path("reports/summary.json").read_text())["supervision"][:2] == [first, second]
    captions = rows(page)["train-00"]
    assert captions.index(f"pseudo-mask, {first}") < captions.index(f"pseudo-mask, {second}")
    assert f"so `{first}` leads." in capsys.readouterr().out


def test_val_images_alone_are_ranked_by_predictions(project: Project, set_params: SetParams) -> None:
    manifest = project()
    val = tuple(sample for sample in manifest.samples if sample.split == "val")
    write_manifest(Path("data/prepared"), replace(manifest, samples=val))
    text = Page(render()).text
    assert "refined mask of" not in text
    assert "by the mIoU of the prediction of gradcampp" in text


def test_the_number_of_images_that_each_model_saw_is_told(page: str, project: Project) -> None:
    text = Page(page).text
    assert "gradcampp: the image-level labels of 6 images, by way of" in text
    assert "The same network, trained on the ground-truth masks of 4 images." in text
    assert "trained on different numbers of images" in text
    project()
    Path("reports/segmentation/full/metrics.json").write_text('{"images": 6}')
    assert "trained on different numbers of images" not in Page(render()).text


def test_masks_that_no_model_learns_from_are_not_said_to(
    page: str, project: Project, set_params: SetParams
) -> None:
    assert "The gradcampp model learns from the gradcampp masks." in Page(page).text
    project()
    set_params("supervision: [gradcampp, full]", "supervision: [full]")
    text = Page(render()).text
    assert "the refined cam masks with the ground truth of 6 training images" in text
    assert "learns from the cam masks" not in text


def test_the_page_names_the_split_that_was_scored(project: Project, set_params: SetParams) -> None:
    manifest = project()
    moved = [replace(s, split="test") if s.name in ("val-07", "val-08") else s for s in manifest.samples]
    write_manifest(Path("data/prepared"), replace(manifest, samples=tuple(moved)))
    for model in ("gradcampp", "full"):
        file = Path("reports/evaluation", model, "metrics.json")
        write_json(file, read_json(file) | {"split": "test"})
    set_params("  split: val ", "  split: test ")
    page = Page(render())
    assert [name for name in rows(page) if not name.startswith("train")] == ["val-08", "val-07"]
    assert "Test images" in page.text
    assert "Val images" not in page.text
    assert "weak, mIoU on test" in page.text
    assert read_json(Path("reports/summary.json"))["split"] == "test"


def test_label_issues_are_listed_where_there_are_some(page: str, project: Project) -> None:
    assert "<td>train-05</td><td>train</td><td>cat</td><td>present</td><td>0.03</td>" in page
    assert "label_issues.csv</code> has 1 of 321." in page
    project()
    Path("reports/classifier/label_issues.csv").write_text("name,split,class,given,probability\n")
    assert "Label issues" not in render()


def test_the_quality_of_the_masks_is_shown(page: str, project: Project) -> None:
    assert "<td>0.900</td><td>0.710</td></tr>" in page  # coverage, confidence
    assert f"<tr><td>cat</td>{'<td>0.123</td>' * len(FINDINGS)}</tr>" in page
    assert "Confusion, gradcampp masks" in page
    project(masks=False)
    without = render()
    assert "confidence 0.710" in without
    assert "0.040 of the pixels are left open" in without
    assert "Confusion, gradcampp masks" not in without


def test_old_panels_go(project: Project, set_params: SetParams) -> None:
    project()
    assert "<img" in render()
    assert Path("reports/panels/train-00.png").exists()
    set_params("images: 40", "images: 0")
    assert "<img" not in render()
    assert list(Path("reports/panels").iterdir()) == []


def test_without_masks(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project(masks=False)
    page = Page(render())
    captions = rows(page)
    assert list(captions) == sorted(captions)
    assert len(captions) == 9
    assert captions["train-01"][-2:] == [
        "pseudo-mask, gradcampp",
        "prediction gradcampp",
    ]  # `full` was not trained
    assert not re.search(r"mIoU \d", page.text)
    assert "no ground-truth masks" in page.text
    assert "cannot be told without masks" in page.text
    for card in ("confidence0.710", "labels without a pixel0 of 5", "label issues321", "threshold0.32"):
        assert card in page.text
    assert re.search(r"share of the frame\d+\.\d( to \d+\.\d)? %cat \d+\.\d %, dog \d+\.\d %\.", page.text)
    cards = re.findall(
        r'<div class="card"><span>(.*?)</span><b>(.*?)</b>', Path("reports/index.html").read_text()
    )
    assert all(value.strip(" –") for _, value in cards), "no card is empty"  # noqa: RUF001
    assert "train-05: label issue" in page.alt
    assert list(Path("reports/plots").iterdir()) == []
    summary = json.loads(Path("reports/summary.json").read_text())
    assert summary["weak_to_full"] is None
    assert summary["segmentation"]["full"]["miou"] is None
    assert "open reports/index.html" in capsys.readouterr().out


def test_what_the_classifier_looks_at(project: Project, set_params: SetParams) -> None:
    project(classes=("cat", "b & t"))
    set_params("images: 40", "images: 0")
    assert "Nothing suspicious" in Page(render()).text
    file = Path("reports/diagnosis/diagnosis.json")
    metrics = json.loads(file.read_text())
    metrics["classes"]["b & t"]["context"] = 0.375
    metrics["classes"]["b & t"]["heat"] |= {"object": 0.5, "border": 0.125, "corners": 0.0625}
    metrics["flags"] = ["`b & t`: reads <the> surroundings."]
    metrics["examples"] = [{"class": "b & t", "name": "val-06", "file": "002-1.png"}]
    file.write_text(json.dumps(metrics))
    write_image(file.with_name("002-1.png"), np.full((6, 9, 3), 200, np.uint8))
    text = render()
    page = Page(text)
    assert "<code>b &amp; t</code>: reads &lt;the&gt; surroundings." in text
    assert "Nothing suspicious" not in page.text
    assert re.search(r"b & t\s*0\.375\s*–\s*0\.500\s*–\s*0\.188", page.text)  # noqa: RUF001 frame: 0.125 + 0.0625
    assert page.alt == ["val-06: what speaks for b & t"]


def test_only_what_the_diagnosis_measured_has_columns(project: Project) -> None:
    project()
    assert "Insertion, deletion and the loss of probability were measured on no image" in Page(render()).text
    assert "Rank correlation of the heatmaps" not in Page(render()).text
    file = Path("reports/diagnosis/diagnosis.json")
    metrics = json.loads(file.read_text())
    measured = {"insertion": 0.812, "deletion": 0.123, "drop_hot": 0.456, "drop_random": 0.078}
    metrics["overall"] |= measured | {"random_head": 0.321, "random_all": 0.234}
    file.write_text(json.dumps(metrics))
    page = Page(render())
    assert "0.321 for the same network with a random last layer" in page.text
    assert re.search(r"0\.812\s*0\.123\s*0\.456\s*0\.078", page.text)
    assert "were measured on no image" not in page.text


def test_examples_stay_in_their_folder(project: Project) -> None:
    project()
    file = Path("reports/diagnosis/diagnosis.json")
    metrics = json.loads(file.read_text())
    metrics["examples"] = [{"class": "cat", "name": "val-06", "file": "../../secret.png"}]
    file.write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match="leaves the folder"):
        main()


def test_the_verdict_stands_first(project: Project, set_params: SetParams) -> None:
    project()
    set_params("images: 40", "images: 0")
    page = Page(render())
    few = "No class has 8 val images that show it and 8 that do not"
    assert page.text.index("Verdict: doubtful.") < page.text.index(few) < page.text.index("mIoU on val")
    assert page.text.index("Verdict") < page.text.index("Confidence is")


@pytest.mark.parametrize(
    ("level", "meaning"),
    [("fair", "Nothing that can"), ("doubtful", "Look at the images"), ("useless", "Do not use the masks")],
)
def test_what_a_verdict_means(
    project: Project,
    set_params: SetParams,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    level: Level,
    meaning: str,
) -> None:
    project()
    set_params("images: 40", "images: 0")
    vetoes = [Veto(level, "See `a <b>`.", ("x&y", "z\033"))] if level != "fair" else []
    monkeypatch.setattr("pipeline.stages.report.find_vetoes", lambda manifest, params: vetoes)
    text = render()
    page, printed = Page(text), capsys.readouterr().out
    assert f"Verdict: {level}. {meaning}" in page.text
    assert f"\nverdict: {level}. {meaning}" in printed
    summary = read_json(Path("reports/summary.json"))["verdict"]
    assert summary["level"] == level
    if vetoes:
        assert "See <code>a &lt;b&gt;</code>." in text
        assert "Images: x&y, z\033." in page.text
        assert f"  {level}: See `a <b>`.\n    images: x&y, z\\x1b\n" in printed
        assert summary["vetoes"] == [{"level": level, "sentence": "See `a <b>`.", "images": ["x&y", "z\033"]}]
    else:
        assert summary["vetoes"] == []


def test_a_given_threshold_is_called_given(project: Project, set_params: SetParams) -> None:
    project()
    set_params("images: 40", "images: 0")
    set_params("threshold: auto", "threshold: 0.32")
    text = render()
    assert "given in params.yaml" in text
    assert "chosen without masks" not in text


@pytest.mark.usefixtures("page")
def test_plots_and_summary() -> None:
    summary = json.loads(Path("reports/summary.json").read_text())
    assert list(summary) == sorted(summary)
    assert summary["weak_to_full"] == 0.75
    names = sorted(path.name for path in Path("reports/plots").iterdir())
    assert names == ["confusion-full.png", "confusion-gradcampp.png"]
    assert np.ptp(read_image(Path("reports/plots/confusion-full.png"))) > 100


def test_scores_of_held_out_images_are_a_curve(project: Project, set_params: SetParams) -> None:
    project()
    set_params("images: 40", "images: 0")
    assert "Held-out images" not in render()
    rows = [{"step": step, "loss": 1, "lr": 0.1} for step in range(10, 50, 10)]
    rows[1]["held_out_map"], rows[3]["held_out_map"] = 0.5, 0.75
    columns = ("step", "loss", "lr", "held_out_map")
    write_csv(Path("reports/classifier/curve.csv"), columns, rows)
    assert "Held-out images" in render()
    assert Path("reports/plots/held-out.png").exists()
    results = read_results(Path("reports"), METHODS, SUPERVISION)
    assert results.held_out == {"classifier: labels, mAP": [(20, 0.5), (40, 0.75)]}
    assert len(results.curves["classifier"]) == 4


def sample(name: str) -> Sample:
    return Sample(name, "", "", 1, 1, (), "train", False, False)


def test_order_of_images() -> None:
    samples = [sample(name) for name in "dcba"]
    ordered = worst_first(samples, {"d": None, "c": 0.0, "b": 0.7})
    assert "".join(s.name for s in ordered) == "cbad"  # 0.0 is the worst score, not a missing one


@pytest.mark.parametrize(
    ("count", "train", "val", "expected"),
    [(5, 9, 9, (3, 2)), (6, 1, 9, (1, 5)), (6, 9, 1, (5, 1)), (40, 2, 3, (2, 3)), (0, 2, 3, (0, 0))],
)
def test_images_are_shared_out(count: int, train: int, val: int, expected: tuple[int, int]) -> None:
    assert share_out(count, train, val) == expected


@pytest.mark.parametrize(
    ("count", "total", "expected"),
    [(4, 12, "ww-b"), (8, 12, "wwww--bb"), (1, 5, "w"), (3, 9, "wwb"), (5, 5, "     "), (9, 3, "   ")],
)
def test_worst_random_and_best_are_chosen(count: int, total: int, expected: str) -> None:
    ordered = [sample(f"{i:02d}") for i in range(total)]
    chosen = choose_images(ordered, count, "worst", "best")
    signs = {"worst": "w", "random": "-", "best": "b", "": " "}
    assert "".join(signs[choice.why] for choice in chosen) == expected
    names = [choice.sample.name for choice in chosen]
    assert names == sorted(set(names))
    assert names[0] == "00"
    assert expected[-1] != "b" or names[-1] == ordered[-1].name


@pytest.mark.parametrize(
    ("scores", "sure", "expected"),
    [
        ({"a": 0.9, "b": 0.1}, {"a": 0, "b": 1, "c": 0.5}, "bac"),
        ({}, {"a": 0.9, "b": 0.1, "c": 0.5}, "bca"),
        ({"a": None}, {"a": 0.9, "b": 0.1, "c": 0.5}, "bca"),
        ({}, {}, "abc"),
    ],
)
def test_without_scores_the_least_sure_come_first(scores: dict, sure: dict, expected: str) -> None:
    assert "".join(s.name for s in ranked([sample(name) for name in "cab"], scores, sure)) == expected


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        ({}, None),
        ({"cat": 1}, "1 image-level label of 5 has no pixel in the gradcampp masks"),
        ({"cat": 1, "dog": 3}, "4 image-level labels of 5 have no pixel in the gradcampp masks"),
        ({"cat": 2, "dog": 2}, "Worst class: cat, 2 of 2 images."),
    ],
)
def test_labels_without_a_pixel_are_a_warning(
    project: Project, set_params: SetParams, lost: dict[str, int], text: str | None
) -> None:
    project()
    set_params("images: 40", "images: 0")
    file = Path("reports/pseudo_masks/gradcampp/metrics.json")
    write_json(file, read_json(file) | {"lost_labels": lost})
    page = Page(render()).text
    assert ("Warning:" in page) == (text is not None)
    if text:
        assert text in page
        assert page.index("Heatmaps and pseudo-masks") < page.index(text)
