import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.small_tasks import bert_task
from zoo import tasks
from zoo.visual.__main__ import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    bert_task(tasks.TextClassifier, ["x", "y"], num_labels=2).save(folder / "task")
    return folder


def test_a_page_is_saved(run, tmp_path, capsys):
    file = tmp_path / "page.html"
    assert main(["explore", str(run), "--save", str(file), "the film was good"]) == 0
    assert "the film was good" in file.read_text("utf-8")
    assert str(file) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--save", "page.html"], "Text: give a text"),
        (["--save", "page.txt", "a"], "must end in .html"),
        (["--save", "page.html", "a", "b"], "at most 1; got 2"),
    ],
)
def test_errors_of_use_are_one_line(run, arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explore", str(run), *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert main(["explore", str(tmp_path)]) == 1


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_ports_are_checked(run, port, capsys):
    with pytest.raises(SystemExit):
        main(["explore", str(run), f"--port={port}"])
    assert f"must be 0 to 65535; got '{port}'" in capsys.readouterr().err


# What a shell starts in the background ignores Ctrl-C, and so do its children.
PROGRAM = """
import signal, sys
from zoo.visual.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@pytest.mark.parametrize(("host", "said"), [("127.0.0.1", ""), ("0.0.0.0", "everybody who can")])
def test_it_says_where_it_listens_and_ends_at_ctrl_c(run, host, said):
    arguments = ["explore", str(run), "--port", "0", "--host", host]
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().split()[0]
        with urllib.request.urlopen(url, timeout=20) as page:
            assert b"TextClassifier" in page.read()
    finally:
        server.send_signal(signal.SIGINT)
        try:
            _, errors = server.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            raise
    assert server.returncode == 0
    assert said in errors
    assert ("listens on" in errors) == bool(said)
