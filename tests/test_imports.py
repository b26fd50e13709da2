"""Who may import whom, read from the source of every file in zoo/."""

import ast
import pathlib
import subprocess
import sys

import pytest

import zoo

ROOT = pathlib.Path(zoo.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# One way: a package imports itself and what stands before it.
ORDER = ("layers", "checkpoints", "models", "tasks", "serving", "visual")
KNOW_NO_MODEL = ("decoding", "training", "text")
# Methods that open a door upwards: `task.export(folder)` and `zoo.load(folder)`.
LATER = {("tasks", "serving"), ("", "tasks")}
BACKENDS = {"tensorflow", "tensorflow_text", "keras_hub", "jax", "torch"}


def imports_of(file):
    """(name of a module, whether it is imported when `file` is) for each import in `file`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            parents = [f"zoo.{alias.name}" for alias in node.names]
            names = parents if node.module == "zoo" else [node.module]
        else:
            continue
        for name in names:
            yield name, id(node) not in inside


def package_of(file):
    parts = file.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def zoo_packages(file):
    """(package of zoo, whether at import) for each import of zoo in `file`."""
    for name, at_import in imports_of(file):
        parts = name.split(".")
        if parts[0] == "zoo" and len(parts) > 1 and (ROOT / parts[1]).is_dir():
            yield parts[1], at_import


def test_the_source_is_found():
    assert {package_of(file) for file in FILES} >= {"", *ORDER, *KNOW_NO_MODEL}
    assert ("layers", True) in zoo_packages(ROOT / "models" / "transformer.py")
    assert ("tasks", False) in zoo_packages(ROOT / "__init__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file):
    package = package_of(file)
    for imported, at_import in zoo_packages(file):
        if (package, imported) in LATER:
            assert not at_import, f"{file}: imports zoo.{imported} at the top"
        elif package in ORDER and imported in ORDER:
            assert ORDER.index(imported) <= ORDER.index(package), f"{file}: zoo.{imported}"
        elif package in KNOW_NO_MODEL:
            assert imported not in ("models", "tasks", "serving"), f"{file}: zoo.{imported}"
        elif package == "":
            pytest.fail(f"{file}: modules of the root import no package; got zoo.{imported}")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_backends_are_named_where_they_belong(file):
    for name, at_import in imports_of(file):
        top = name.split(".")[0]
        assert top not in {"pickle", "recipes", "tests", "benchmarks"}, f"{file}: {name}"
        if top in BACKENDS:
            # What reads TensorFlow's own checkpoint format is TensorFlow by nature.
            files = (ROOT / "compiled.py", ROOT / "checkpoints" / "original_tensors.py")
            at_home = file in files or package_of(file) in ("serving", "text")
            assert at_home, f"{file}: {name}"
            assert not at_import, f"{file}: {name} is imported at the top"


@pytest.mark.parametrize("module", ["zoo", "zoo.serving"])
def test_importing_loads_neither_keras_nor_a_backend(module):
    program = f"import sys, {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "zoo" in loaded
    assert not {"keras", *BACKENDS} & set(loaded)


def test_subpackages_load_when_they_are_used():
    program = "import zoo; zoo.layers.FeedForward; import sys; print('keras' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "True"
    assert "layers" in dir(zoo)
    with pytest.raises(AttributeError, match="module 'zoo' has no attribute 'layer'"):
        zoo.layer  # noqa: B018
