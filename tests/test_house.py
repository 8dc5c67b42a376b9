"""The order of the house, read from its source: imports flow one way, and only the command line talks or exits."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import idlcli

PACKAGE = Path(str(idlcli.__file__)).parent
MODULES = {
    ".".join(("idlcli", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROWS = [
    {"cli", "__main__"},
    {"workflows"},
    {"experiments"},
    {"report"},
    {"evaluation"},
    {"training"},
    {"models"},
    {"data"},
    {"viz"},
    {"recipes", "runs", "settings", "files", "seeds", "errors", "dotted", "__init__"},
]
"""From the top of the house to the ground: each row may import the rows below it and its own, never one above."""

HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "scipy", "cv2", "rich", "numpy", "PIL", "jax", "torch"}


def floor_of(module: str) -> int:
    part = module.split(".")[1] if "." in module else "__init__"
    (row,) = (index for index, names in enumerate(ROWS) if part in names)
    return row


def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"), filename=str(MODULES[module]))


def imports(nodes: Iterator[ast.AST] | list[ast.AST], module: str) -> Iterator[tuple[str, int]]:
    """The modules that statements import, with their lines; `from a import b` is a.b where that is a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in MODULES else str(node.module)), node.lineno


def at_the_top(tree: ast.Module) -> list[ast.AST]:
    """The statements that run when the module is imported (not in functions, nor for type checkers alone)."""
    found: list[ast.AST] = []
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        found.append(node)
        todo.extend(ast.iter_child_nodes(node))
    return found


def test_every_part_of_the_package_has_its_floor():
    for module in MODULES:
        assert floor_of(module) >= 0


@pytest.mark.parametrize("module", MODULES)
def test_imports_flow_one_way(module):
    for imported, line in imports(list(ast.walk(tree_of(module))), module):
        if imported.split(".")[0] == "idlcli":
            assert floor_of(imported) >= floor_of(module), f"{MODULES[module]}:{line} imports {imported}, a row above"


def test_no_two_parts_of_one_floor_import_each_other_in_a_circle():
    edges: dict[str, set[str]] = {}
    for module in MODULES:
        part = module.split(".")[1] if "." in module else "__init__"
        for imported, _ in imports(at_the_top(tree_of(module)), module):
            if imported.startswith("idlcli."):
                edges.setdefault(part, set()).add(imported.split(".")[1])
    for part in edges:
        reached, todo = set(), [p for p in edges[part] if p != part]
        while todo:
            at = todo.pop()
            if at not in reached:
                reached.add(at)
                todo += [p for p in edges.get(at, ()) if p != at]
        assert part not in reached, f"{part} imports itself by way of {reached}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("idlcli.cli")])
def test_the_command_line_imports_only_what_is_light_at_its_top(module):
    """The standard library, typer, idlcli.cli, idlcli.settings and idlcli.errors; the library inside the function.

    One exception: the reporter that `cli/progress.py` implements, a Protocol that itself imports nothing.
    """
    allowed = {"idlcli", "idlcli.cli", "idlcli.settings", "idlcli.errors"}
    if module == "idlcli.cli.progress":
        allowed.add("idlcli.training.reporter")
    for imported, line in imports(at_the_top(tree_of(module)), module):
        top = imported.split(".")[0]
        if top == "idlcli":
            fits = any(imported == name or imported.startswith(f"{name}.") for name in allowed - {"idlcli"})
            assert fits or imported == "idlcli", f"{MODULES[module]}:{line} imports {imported}"
        else:
            assert top in sys.stdlib_module_names or top == "typer", f"{MODULES[module]}:{line} imports {imported}"


@pytest.mark.parametrize("module", ["idlcli.training.reporter", "idlcli.training.engine", "idlcli.training.devices"])
def test_what_chooses_the_engine_does_not_load_one(module):
    for imported, line in imports(at_the_top(tree_of(module)), module):
        assert imported.split(".")[0] not in HEAVY, f"{MODULES[module]}:{line}"


@pytest.mark.parametrize(
    "module", [m for m in MODULES if floor_of(m) == len(ROWS) - 1 or m.startswith("idlcli.settings")]
)
def test_the_ground_floor_needs_no_heavy_library(module):
    for imported, line in imports(list(ast.walk(tree_of(module))), module):
        assert imported.split(".")[0] not in HEAVY - {"numpy"}, f"{MODULES[module]}:{line}"


@pytest.mark.parametrize("module", MODULES)
def test_click_is_typer_s_own_and_is_not_imported(module):
    for imported, line in imports(list(ast.walk(tree_of(module))), module):
        assert imported.split(".")[0] != "click", f"{MODULES[module]}:{line}"
        assert not imported.startswith("typer._"), f"{MODULES[module]}:{line}"


@pytest.mark.parametrize("module", MODULES)
def test_models_and_losses_are_neutral_to_the_engine(module):
    """Only keras: the engines themselves are named where one is chosen, fed, and spread over devices."""
    for imported, line in imports(list(ast.walk(tree_of(module))), module):
        if imported.split(".")[0] in ("tensorflow", "jax", "torch"):
            named = ("idlcli.training.engine", "idlcli.training.feed", "idlcli.training.devices")
            assert module in named, f"{MODULES[module]}:{line} imports {imported}"


LIBRARY = [m for m in MODULES if not m.startswith("idlcli.cli") and m != "idlcli.__main__"]


def calls(module: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_neither_prints_nor_exits(module):
    banned = {"print", "sys.exit", "exit", "quit", "os._exit", "input", "breakpoint", "sys.stdout.write"}
    for name, line in calls(module):
        assert name not in banned, f"{MODULES[module]}:{line} calls {name}"


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_does_not_read_the_environment(module):
    """`training/engine.py` writes it, because Keras reads it: that is an assignment and `setdefault`, never a read."""
    for node in ast.walk(tree_of(module)):
        if not (isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb")):
            continue
        assert module == "idlcli.training.engine", f"{MODULES[module]}:{node.lineno}"
    if module == "idlcli.training.engine":
        text = MODULES[module].read_text("utf-8")
        uses = text.count("os.environ")
        assert uses == text.count("os.environ[") + text.count("os.environ.setdefault(")
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
                assert isinstance(node.ctx, ast.Store), f"{MODULES[module]}:{node.lineno} reads the environment"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_runs_what_a_file_says(module):
    banned = {"eval", "exec", "pickle.load", "pickle.loads", "os.system", "keras.models.load_model", "load_model"}
    for name, line in calls(module):
        assert name not in banned, f"{MODULES[module]}:{line} calls {name}"
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False", MODULES[module]


@pytest.mark.parametrize("module", MODULES)
def test_arrays_are_loaded_without_pickle(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
            named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert named.get("allow_pickle") == "False", f"{MODULES[module]}:{node.lineno}"


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_one_idea(module):
    lines = MODULES[module].read_text("utf-8").count("\n")
    assert lines <= 260, f"{MODULES[module]} has {lines} lines"


@pytest.mark.parametrize(
    "module", [m for m in MODULES if not m.endswith("__init__") and MODULES[m].read_text().strip()]
)
def test_a_module_says_what_it_is(module):
    assert ast.get_docstring(tree_of(module)), MODULES[module]
