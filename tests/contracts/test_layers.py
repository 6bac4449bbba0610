"""One direction of flow: a room imports lower layers only, and some things have one place."""

import ast

import pytest

from tests.contracts.modules import MODULES, imported_modules, imported_names, room, tree

LAYERS = (
    {"__init__"},
    {"errors"},
    {"params"},
    {"paths"},
    {"base"},
    {"formats"},
    {"data"},
    {"scenes", "evaluation"},
    {"engine"},
    {"classifier", "heatmaps", "masks", "segmentation"},
    {"workflows"},
    {"report", "export"},
    {"stages", "commands"},
    {"__main__"},
)
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
KNOW_PARAMS_FILE = ("params", "stages", "commands")


def calls(module: str) -> list[ast.Call]:
    return [node for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]


def keyword(call: ast.Call, name: str) -> object:
    """Literal value of a keyword argument; None where it is not given."""
    return next((ast.literal_eval(k.value) for k in call.keywords if k.arg == name), None)


def test_every_module_has_a_layer() -> None:
    assert {room(module) for module in MODULES} == set(LEVELS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    importer = room(module)
    for other in map(room, imported_modules(module)):
        # Rooms of one layer do not know each other: stages join them through files.
        assert other == importer or LEVELS[other] < LEVELS[importer], f"{module} imports {other}"


def others_below(module: str) -> set[str]:
    """All that a module imports in the end, without what the `__init__` of a package hands on."""
    result: set[str] = set()
    todo = {module}
    while todo:
        imported = imported_modules(todo.pop())
        new = {other for other in imported if not other.endswith("__init__.py")} - result
        result |= new
        todo |= new
    return result


@pytest.mark.parametrize("module", MODULES)
def test_no_circles(module: str) -> None:
    assert module not in others_below(module)


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) != "stages"])
def test_nobody_imports_a_stage(module: str) -> None:
    # A stage is an entry: what a command does too is a workflow. All may use the frame of the stages.
    stages = {other for other in imported_modules(module) if room(other) == "stages"}
    assert stages <= {"pipeline/stages/__init__.py", "pipeline/stages/running.py"}


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) not in KNOW_PARAMS_FILE])
def test_only_stages_and_commands_load_params(module: str) -> None:
    assert "pipeline.params.load_params" not in imported_names(module)
    # ... nor what load_params could be reached through.
    assert "pipeline.params" not in imported_names(module)
    assert not any(name.startswith("pipeline.params.load") for name in imported_names(module))


def test_only_stages_and_commands_open_params_yaml() -> None:
    # Messages may name the file ("set ... in params.yaml"); the bare name is a path.
    for module in MODULES:
        names = [
            n for n in ast.walk(tree(module)) if isinstance(n, ast.Constant) and n.value == "params.yaml"
        ]
        named_for_message = module == "pipeline/data/classes.py"  # where `data.classes` were given
        assert not names or named_for_message or room(module) in KNOW_PARAMS_FILE, module


def test_data_source_names_params_yaml_without_reading_it() -> None:
    module = "pipeline/data/classes.py"
    assert not any(name.startswith(("ruamel", "yaml")) for name in imported_names(module))


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("pydensecrf", {"pipeline/masks/crf.py"}),
        ("dvc", set()),
        ("pickle", set()),
        ("dill", set()),
        ("shelve", set()),
    ],
)
def test_packages_in_their_place(package: str, allowed: set[str]) -> None:
    users = {m for m in MODULES if any(name.split(".")[0] == package for name in imported_names(m))}
    assert users == allowed


def test_files_never_run_code() -> None:
    for module in MODULES:
        for call in calls(module):
            where = f"{module}:{call.lineno}"
            match ast.unparse(call.func):
                case "torch.load":
                    assert keyword(call, "weights_only") is True, where
                case "np.load" | "numpy.load":
                    assert keyword(call, "allow_pickle") is False, where
                case "eval" | "exec" | "os.system" | "joblib.load" | "torch.hub.load":
                    pytest.fail(f"{where}: {ast.unparse(call)}")
