"""params.yaml: the shipped file loads, and nothing misspelt or impossible does."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.params import ParamsError, check_params, load_params
from pipeline.params.load import RENAMED_KEYS, RENAMED_VALUES

SHIPPED = Path(__file__).parent.parent / "params.yaml"


def shipped() -> dict[str, Any]:
    return deepcopy(read_shipped())


@cache
def read_shipped() -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe").load(SHIPPED)
    return values


def written(tmp_path: Path, values: dict[str, Any]) -> Path:
    file = tmp_path / "params.yaml"
    YAML(typ="safe").dump(values, file)
    return file


def key_paths(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each key, sections included; the decoder's own keys are the architecture's to check."""
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict) and key != "decoder":
            yield from key_paths(value, (*above, key))


def section_of(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path[:-1]:
        values = values[key]
    return values


def test_shipped_params_load() -> None:
    params = load_params(SHIPPED)
    assert params.model_dump(mode="json") == shipped()


def messages(error: ParamsError) -> list[str]:
    """The lines of an error, without the lines of the file that they end with."""
    return [re.sub(r" \(line \d+\)$", "", line) for line in str(error).splitlines()]


@pytest.mark.parametrize("path", list(key_paths(shipped())), ids=".".join)
def test_each_misspelt_key_is_refused(path: tuple[str, ...]) -> None:
    values = shipped()
    section = section_of(values, path)
    section[f"{path[-1]}x"] = section.pop(path[-1])
    with pytest.raises(ParamsError) as caught:
        check_params(values, Path("params.yaml"))
    lines, key = str(caught.value).splitlines(), ".".join(path)
    assert f"  {key}: Field required" in lines
    assert f"  {key}x: unknown key. Correct or remove it. Did you mean {key}?" in lines


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    values = shipped()
    values["data"]["val_share"] = 1.5
    values["classifier"]["training"]["lr"] = -1
    values["heatmaps"]["methods"] = ["cam", "camm"]
    values["evaluation"]["scales"] = []
    del values["seed"]
    with pytest.raises(ParamsError, match=r"params\.yaml: 5 problem") as caught:
        load_params(written(tmp_path, values))
    for path in (
        "data.val_share",
        "classifier.training.lr",
        "heatmaps.methods.1",
        "evaluation.scales",
        "seed",
    ):
        assert f"\n  {path}: " in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", -1),
        ("data.long_side", 31),
        ("data.val_share", 0),
        ("classifier.output_stride", 4),
        ("classifier.training.batch_size", 1),
        ("classifier.training.scale", [1.5, 0.5]),
        ("classifier.training.warmup_steps", 10**6),
        ("classifier.training.clip_norm", float("nan")),
        ("classifier.training.lr", float("inf")),
        ("pseudo_masks.threshold", "otsu"),
        ("pseudo_masks.threshold", 1.0),
        ("pseudo_masks.crf.bilateral_srgb", 0),
        ("pseudo_masks.crf.bilateral_srgb", 1e-6),  # would end Python in the middle of the run
        ("pseudo_masks.crf.gaussian_sxy", 1e-6),
        ("pseudo_masks.crf.bilateral_sxy", 1e-6),
        ("pseudo_masks.crf.gaussian_sxy", float("nan")),
        ("segmentation.supervision", ["gradcam", "truth"]),
        ("segmentation.encoder", "mobilenet_v2"),  # weights: classifier, which is another network
    ],
)
def test_impossible_values_are_refused(tmp_path: Path, path: str, value: object) -> None:
    values = shipped()
    keys = tuple(path.split("."))
    section_of(values, keys)[keys[-1]] = value
    with pytest.raises(ParamsError):
        load_params(written(tmp_path, values))


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        ("seed", False, "valid integer, got False"),
        ("classifier.training.lr", "2e-3", "valid number, got '2e-3'"),
        ("classifier.training.lr", True, "valid number, got True"),
        ("classifier.training.steps", "500", "valid integer, got '500'"),
        ("classifier.training.steps", True, "valid integer, got True"),
        ("classifier.training.steps", 500.0, "valid integer, got 500.0"),
        ("classifier.training.scale", {0.75: 1, 1.25: 1}, "a list"),
        ("classifier.training.scale", [0.5, 1.0, 1.5], "List should have at most 2 items"),
        ("classifier.output_stride", "32", "8, 16 or 32, got '32'"),
        ("heatmaps.flip", "yes", "valid boolean, got 'yes'"),
        ("heatmaps.flip", 1, "valid boolean, got 1"),
        ("heatmaps.methods", "cam", "a list, got 'cam'"),
        ("data.path", 7, "valid string, got 7"),
    ],
)
def test_no_value_stands_for_one_of_another_type(tmp_path: Path, path: str, value: object, part: str) -> None:
    values = shipped()
    keys = tuple(path.split("."))
    section_of(values, keys)[keys[-1]] = value
    with pytest.raises(ParamsError) as caught:
        load_params(written(tmp_path, values))
    (line,) = str(caught.value).splitlines()[1:]
    assert line.startswith(f"  {path}: ")
    assert part in line


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("heatmaps.scales", [1.0, "1.5"], "heatmaps.scales.1: Input should be a valid number, got '1.5'"),
        ("data.classes", ["cat", 1], "data.classes.1: Input should be a valid string, got 1"),
        ("pseudo_masks.threshold", "0.4", "constrained-float: Input should be a valid number, got '0.4'"),
        ("segmentation.decoder", {"depth": "3"}, "constrained-int: Input should be a valid integer, got '3'"),
    ],
)
def test_what_is_in_a_list_is_as_strict(tmp_path: Path, path: str, value: object, problem: str) -> None:
    values = shipped()
    keys = tuple(path.split("."))
    section_of(values, keys)[keys[-1]] = value
    with pytest.raises(ParamsError) as caught:
        load_params(written(tmp_path, values))
    assert f"  {path}" in str(caught.value)
    assert problem in str(caught.value)


def test_whole_numbers_stand_for_decimal_ones_and_lists_for_tuples(tmp_path: Path) -> None:
    values = shipped()
    values["classifier"]["training"] |= {"lr": 1, "scale": [1, 2]}
    values["segmentation"]["decoder"] = {"depth": 3, "channels": [64, 32]}
    values["data"]["classes"] = ["cat", "dog"]
    params = load_params(written(tmp_path, values))
    assert isinstance(params.classifier.training.lr, float)
    assert params.classifier.training.scale == (1.0, 2.0)
    assert params.segmentation.decoder == {"depth": 3, "channels": (64, 32)}
    assert params.data.classes == ("cat", "dog")


@pytest.mark.parametrize("section", ["classifier", "segmentation"])
def test_pretrained_weights_have_one_name(tmp_path: Path, section: str) -> None:
    values = shipped()
    values[section]["weights"] = "pretrained"
    load_params(written(tmp_path, values))
    values[section]["weights"] = "imagenet"
    with pytest.raises(ParamsError, match=rf"{section}\.weights: imagenet is called pretrained now"):
        load_params(written(tmp_path, values))


def test_old_names_are_answered_with_the_new_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RENAMED_KEYS, "labels_anew", "self_training")
    monkeypatch.setitem(RENAMED_KEYS, "classifier.training.learning_rate", "classifier.training.lr")
    monkeypatch.setitem(RENAMED_VALUES, "cam-anew", "cam-round1")
    values = shipped()
    values["labels_anew"] = values.pop("self_training")
    values["classifier"]["training"]["learning_rate"] = values["classifier"]["training"].pop("lr")
    values["segmentation"]["supervision"] = ["cam", "cam-anew"]
    with pytest.raises(ParamsError) as caught:
        load_params(written(tmp_path, values))
    lines = messages(caught.value)
    assert "  labels_anew: unknown key; it is called self_training now" in lines
    assert (
        "  classifier.training.learning_rate: unknown key; it is called classifier.training.lr now" in lines
    )
    assert "  segmentation.supervision.1: cam-anew is called cam-round1 now" in lines
    assert not any("Field required" in line for line in lines), "the new key is named once"


def test_supervision_needs_its_heatmaps(tmp_path: Path) -> None:
    values = shipped()
    values["heatmaps"]["methods"] = ["cam"]
    values["segmentation"]["supervision"] = ["gradcampp", "full"]
    with pytest.raises(ParamsError, match=r"\['gradcampp'\], which heatmaps\.methods does not make"):
        load_params(written(tmp_path, values))


def test_segments_in_a_folder_refine_no_predictions(tmp_path: Path) -> None:
    values = shipped()
    values["evaluation"]["refine"] = "segments"
    load_params(written(tmp_path, values))
    values["pseudo_masks"]["segments"]["folder"] = "sam"
    with pytest.raises(ParamsError, match=r"needs pseudo_masks\.segments\.folder: null, got 'sam'"):
        load_params(written(tmp_path, values))


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (
            "data.long_side",
            400,
            "expected data.max_side of at least 600 pixels, got 512: "
            "data.long_side x heatmaps.scales (600), data.long_side x self_training.scales (600)",
        ),
        ("evaluation.scales", [1, 5], "640 pixels, got 512: data.long_side x evaluation.scales (640)"),
        ("self_training.scales", [5], "got 512: data.long_side x self_training.scales (640)"),
        ("classifier.training.scale", [1, 5], "got 512: data.long_side x classifier.training.scale (640)"),
        ("segmentation.training.scale", [1, 5], "data.long_side x segmentation.training.scale (640)"),
        ("pseudo_masks.crf.max_side", 513, "at least 513 pixels, got 512: pseudo_masks.crf.max_side (513)"),
        ("pseudo_masks.par.max_side", 513, "at least 513 pixels, got 512: pseudo_masks.par.max_side (513)"),
    ],
)
def test_copies_are_as_large_as_what_is_looked_at(
    tmp_path: Path, path: str, value: object, found: str
) -> None:
    values = shipped()
    values["data"]["max_side"] = 512
    load_params(written(tmp_path, values))
    keys = tuple(path.split("."))
    section_of(values, keys)[keys[-1]] = value
    with pytest.raises(ParamsError) as caught:
        load_params(written(tmp_path, values))
    assert found in str(caught.value)


def tiled() -> dict[str, Any]:
    """Values that go with tiles."""
    values = shipped()
    values["data"] |= {"tiles": 3, "max_side": 2048}
    values["classifier"] |= {"weights": "pretrained", "pooling": 0.05}
    values["heatmaps"]["walk"]["restart"] = 1.0
    return values


def test_tiles_multiply_the_working_resolution(tmp_path: Path) -> None:
    params = load_params(written(tmp_path, tiled()))
    assert (params.working_side(), params.tile_side()) == (3 * 128, 128)
    params = load_params(written(tmp_path, shipped()))
    assert (params.working_side(), params.tile_side()) == (128, None)


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("classifier.weights", "none", "classifier.batch_norm: frozen, or pretrained classifier.weights"),
        ("classifier.batch_norm", "trained", "classifier.batch_norm: frozen"),
        ("classifier.erasing.region", "object", "classifier.erasing.region: none"),
        ("classifier.gain.weight", 1.0, "classifier.gain.weight: 0"),
        ("classifier.gain.supervision_weight", 10.0, "classifier.gain.supervision_weight: 0"),
        ("heatmaps.walk.restart", 0.02, "heatmaps.walk.restart: 1"),
        ("data.max_side", 512, "data.tiles x data.long_side x heatmaps.scales (576)"),
    ],
)
def test_what_does_not_go_with_tiles_is_named(tmp_path: Path, path: str, value: object, found: str) -> None:
    values, keys = tiled(), tuple(path.split("."))
    section_of(values, keys)[keys[-1]] = value
    with pytest.raises(ParamsError) as caught:
        load_params(written(tmp_path, values))
    assert found in str(caught.value)


@pytest.mark.parametrize("pooling", [0, -0.1, 1.5, "max", True])
def test_pooling_is_the_mean_or_a_share(tmp_path: Path, pooling: object) -> None:
    values = shipped()
    values["classifier"]["pooling"] = pooling
    with pytest.raises(ParamsError, match=r"classifier\.pooling"):
        load_params(written(tmp_path, values))


def test_the_walk_takes_no_random_encoder(tmp_path: Path) -> None:
    values = shipped()
    values["heatmaps"]["walk"]["weights"] = "none"
    with pytest.raises(ParamsError, match=r"heatmaps\.walk: .*weights: pretrained, or the path of a file"):
        load_params(written(tmp_path, values))


def test_walk_needs_one_of_the_scales(tmp_path: Path) -> None:
    values = shipped()
    values["heatmaps"]["walk"]["scale"] = 2.0
    with pytest.raises(ParamsError, match=r"walk\.scale to be one of scales \[1\.0, 1\.5\], got 2\.0"):
        load_params(written(tmp_path, values))


@pytest.mark.parametrize(
    ("supervision", "rounds", "message"),
    [
        (["cam", "full"], {"gradcampp-round1": "gradcampp"}, r"the models \['gradcampp'\] in segmentation"),
        (["cam", "cam-round1"], {}, r"needs \['cam-round1'\] in self_training\.rounds"),
        (["cam", "cam-round1", "cam-round2"], {"cam-round1": "cam"}, r"needs \['cam-round2'\]"),
        (["cam", "cam-round1"], {"cam-round1": "cam", "cam-round2": "cam"}, r"cam-round2 to be cam-round1"),
        (["cam", "full"], {"cam-round1": "full"}, r"self_training\.rounds\.cam-round1 to be cam, got full"),
        (["cam", "full"], {"cam": "cam"}, r"self_training\.rounds\.cam.*String should match pattern"),
        (["cam", "full-round1"], {}, r"segmentation\.supervision\.1: String should match pattern"),
        (["cam", "cam-round0"], {}, r"segmentation\.supervision\.1: String should match pattern"),
    ],
)
def test_a_round_of_self_training_needs_the_model_before_it(
    tmp_path: Path, supervision: list[str], rounds: dict[str, str], message: str
) -> None:
    values = shipped()
    values["segmentation"]["supervision"] = supervision
    values["self_training"]["rounds"] = rounds
    with pytest.raises(ParamsError, match=message):
        load_params(written(tmp_path, values))


def test_the_old_names_of_self_training_are_answered(tmp_path: Path) -> None:
    values = shipped()
    values["relabel"] = {**values.pop("self_training"), "supervision": ["cam"]}
    values["segmentation"]["supervision"] = ["cam", "cam-relabelled-relabelled"]
    with pytest.raises(ParamsError) as caught:
        load_params(written(tmp_path, values))
    assert "relabel: unknown key; it is called self_training now" in str(caught.value)
    assert "cam-relabelled-relabelled is called cam-round2 now" in str(caught.value)


def test_1e_3_is_a_number(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED.read_text().replace("weight_decay: 0.01", "weight_decay: 1e-3"))
    assert load_params(file).classifier.training.weight_decay == 0.001


def test_text_that_is_no_params_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    with pytest.raises(ParamsError, match=r"params\.yaml: no such file"):
        load_params(file)
    for text in ("a: [", "a: 1\na: 2\n", "", "- a\n", "text"):
        file.write_text(text)
        with pytest.raises(ParamsError, match=r"params\.yaml"):
            load_params(file)


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        ("  refine: crf ", "  refine: crff ", "got 'crff'. Did you mean crf?"),
        ("  optimizer: adamw ", "  optimizer: adam ", "'adamw' or 'sgd', got 'adam'. Did you mean adamw?"),
        ("  source: scenes ", "  source: imagefolders ", "Did you mean imagefolder?"),
        ("  steps: ", "  steps: a", "valid integer"),
        ("  long_side: ", "  long_side: 1 #", "greater than or equal to 32, got 1"),
        ("  methods: [", "  methods: [gradcampq, ", "Did you mean gradcampp?"),
        ("  on_bad_image:", "  on_bad_imag:", "Did you mean data.on_bad_image?"),
        ("      gaussian_sxy:", "      sxy_gaussian:", "unknown key. Correct or remove it"),
    ],
)
def test_a_problem_has_its_line_and_the_nearest_choice(
    tmp_path: Path, line: str, wrong: str, message: str
) -> None:
    text = SHIPPED.read_text()
    number = next(n for n, one in enumerate(text.splitlines(), 1) if one.lstrip().startswith(line.strip()))
    file = tmp_path / "params.yaml"
    lines = text.splitlines()
    lines[number - 1] = lines[number - 1].replace(line.strip(), wrong.strip(), 1)
    file.write_text("\n".join(lines))
    with pytest.raises(ParamsError) as caught:
        load_params(file)
    (found,) = (one for one in str(caught.value).splitlines() if f"(line {number})" in one)
    assert message in found


def test_params_cannot_be_changed() -> None:
    params = load_params(SHIPPED)
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 1  # type: ignore[misc]
