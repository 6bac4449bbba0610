"""dvc.yaml tells the truth: a change reruns all that it touches, and nothing else."""

import ast
import configparser
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.base.code_digests import OWN
from pipeline.base.imports import OF_NO_CONSEQUENCE
from pipeline.params import Params, Section, load_params
from tests.contracts.modules import MODULES, ROOT, closure, tree

PIPELINE: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES: dict[str, Any] = {name: spec.get("do", spec) for name, spec in PIPELINE["stages"].items()}

# No digest has these: the values of params.yaml are tracked by `params:`, and a path that moves moves in
# dvc.yaml too. In a digest they would rerun the trainings for every new key.
LEFT_OUT = {f"pipeline/{name}" for name in OF_NO_CONSEQUENCE}

# Which models there are is the matrix; it changes none of them.
NOT_DECLARED = {"train_segmentation": {"segmentation.supervision"}}


def module_of(stage: str) -> str:
    return f"pipeline/stages/{stage}.py"


def fields(path: str) -> set[str]:
    """A dotted path of params.yaml as `section.key`s: those of the section if it names a whole section."""
    section, *rest = path.split(".")
    annotation = Params.model_fields[section].annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        inner = set(annotation.model_fields)
        # What is no key is a method of the section, which sees all of it.
        return {f"{section}.{key}" for key in (inner & {*rest[:1]} or inner)}
    return {section}


def is_load(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "load_params"


def reads_in(scope: ast.AST, names: set[str]) -> set[str]:
    """`section.key`s read from all of the params, which `scope` knows under `names` or loads itself."""
    result: set[str] = set()
    chains = [node for node in ast.walk(scope) if isinstance(node, ast.Attribute)]
    inner = {id(node.value) for node in chains}
    for chain in (node for node in chains if id(node) not in inner):
        attributes, root = [], chain
        while isinstance(root, ast.Attribute):
            attributes.insert(0, root.attr)
            root = root.value  # type: ignore[assignment]
        if is_load(root) or (isinstance(root, ast.Name) and root.id in names):
            result |= (
                fields(".".join(attributes))
                if attributes[0] in Params.model_fields
                else method_reads(attributes[0])
            )
    return result


def method_reads(name: str) -> set[str]:
    """What a method of `Params` reads."""
    functions = (n for n in ast.walk(tree("pipeline/params/whole.py")) if isinstance(n, ast.FunctionDef))
    return reads_in(next(function for function in functions if function.name == name), {"self"})


def reads(module: str) -> set[str]:
    """`section.key`s that the functions of a module read from all of the params."""
    result: set[str] = set()
    for function in (n for n in ast.walk(tree(module)) if isinstance(n, ast.FunctionDef)):
        arguments = [*function.args.args, *function.args.kwonlyargs]
        names = {a.arg for a in arguments if a.annotation and ast.unparse(a.annotation) == "Params"}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and is_load(node.value):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        result |= reads_in(function, names)
    return result


def test_every_stage_has_a_module_and_every_module_a_stage() -> None:
    modules = {m for m in MODULES if m.startswith("pipeline/stages/")} - LEFT_OUT
    assert modules == {module_of(stage) for stage in STAGES}
    for stage, spec in STAGES.items():
        assert spec["cmd"].split("$")[0].strip() == f"python -m pipeline.stages.{stage}"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != OWN])
def test_a_stage_depends_on_the_digest_of_its_code(stage: str) -> None:
    # ... and on no file of the package: dvc.yaml serves projects that hold none.
    code = [dep for dep in STAGES[stage]["deps"] if dep.startswith(("pipeline", paths.CODE.as_posix()))]
    assert code == [f"{paths.CODE}/{stage}.txt"]


def test_digests_are_renewed_in_every_run() -> None:
    assert STAGES[OWN] == {
        "cmd": f"python -m pipeline.stages.{OWN}",
        "params": ["classifier.weights", "heatmaps.walk", "segmentation.weights"],  # of files of weights
        "always_changed": True,
        "outs": [str(paths.CODE)],
    }


def test_a_weights_file_is_that_of_the_stage_that_reads_it(tmp_path: Path) -> None:
    params = load_params(ROOT / "params.yaml")
    assert params.weights_files() == {}
    file = tmp_path / "weights.pth"
    file.touch()
    walk = params.heatmaps.walk.model_copy(update={"weights": str(file)})
    heatmaps = params.heatmaps.model_copy(update={"walk": walk})
    assert params.model_copy(update={"heatmaps": heatmaps}).weights_files() == {"make_heatmaps": file}


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_each_other(stage: str) -> None:
    assert closure(module_of(stage)) & {module_of(other) for other in STAGES} == {module_of(stage)}


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_those_that_are_read(stage: str) -> None:
    read = {key for module in closure(module_of(stage)) - LEFT_OUT for key in reads(module)}
    declared = {key for path in STAGES[stage].get("params", []) for key in fields(path)}
    assert declared == read - NOT_DECLARED.get(stage, set())


def test_reads_are_found() -> None:
    # The contract above is worth as much as its search: these are known from the code.
    assert {"seed", "data.long_side", "classifier.encoder"} <= reads(
        "pipeline/classifier/classifier_training.py"
    )
    assert "classifier.weights" in reads(
        "pipeline/workflows/segmentation_training_files.py"
    )  # by a method of Params
    assert reads("pipeline/stages/make_pseudo_masks.py") == fields("pseudo_masks") | {
        "seed",
        "data.tiles",
        "heatmaps.objects",
    }


def test_rounds_come_from_params() -> None:
    assert PIPELINE["stages"]["self_train"]["foreach"] == "${self_training.rounds}"


def test_matrix_values_come_from_params() -> None:
    params = load_params(ROOT / "params.yaml").model_dump()
    for spec in STAGES.values():
        for name in spec.get("matrix", {}).values():
            section, key = name.removeprefix("${").removesuffix("}").split(".")
            assert isinstance(params[section][key], tuple)


def test_metrics_are_cached_outs() -> None:
    # Git does not see them, so that another revision's are in the cache or nowhere.
    metrics = [entry for spec in STAGES.values() for entry in spec.get("metrics", [])]
    assert len(metrics) == 6
    assert all(isinstance(entry, str) for entry in metrics), "expected no options, such as cache: false"
    assert "metrics" not in PIPELINE, "expected metrics of stages only"


def test_no_output_outlives_its_stage() -> None:
    # `persist: true` would switch off the run cache, and leave files of an older run behind.
    outs = [out for spec in STAGES.values() for out in spec["outs"]]
    assert all(isinstance(out, str) for out in outs)


def test_nobody_is_told_about_a_run() -> None:
    config = configparser.ConfigParser()
    config.read_string("\n".join(line.strip() for line in (ROOT / ".dvc/config").read_text().splitlines()))
    assert config["core"]["analytics"] == "false"
    assert config["core"]["check_update"] == "false"
