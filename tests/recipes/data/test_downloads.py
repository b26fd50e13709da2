import functools
import gzip
import hashlib
import http.server
import os
import re
import threading

import pytest

from recipes.data import downloads
from recipes.data.catalogue import DATASETS, Dataset, RemoteFile

CONTENTS = {
    "raw/train.en.gz": gzip.compress(b"A line.\n" * 40_000, mtime=0),
    "raw/train.de.gz": gzip.compress(b"Eine Zeile.\n" * 40_000, mtime=0),
    "dev.en": bytes(range(256)) * 1_009,
    "dev.de": b"Zeile\n" * 17,
}


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENTS; `faults` holds what to do wrong for the next requests of a path."""

    protocol_version = "HTTP/1.1"
    faults: dict = {}
    requests: list = []
    ranges = True

    def do_GET(self):
        path, offset = self.path.lstrip("/"), 0
        content = CONTENTS.get(path)
        wanted = self.headers["Range"]
        self.requests.append((path, wanted))
        fault = self.faults.get(path, []).pop(0) if self.faults.get(path) else None
        if content is None or fault == "gone":
            self.send_error(404)
            return
        if wanted and self.ranges:
            offset = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if offset >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if offset else 200)
        self.send_header("Content-Length", str(len(content) - offset))
        self.end_headers()
        body = content[offset:]
        if fault == "damaged":
            body = b"x" + body[1:]
        if fault == "truncated":
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def catalogue(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Server.faults, Server.requests, Server.ranges = {}, [], True
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.01))
        thread.start()
        files = tuple(
            RemoteFile(path, path.removeprefix("raw/"), hashlib.sha256(content).hexdigest())
            for path, content in CONTENTS.items()
        )
        base = f"http://127.0.0.1:{server.server_port}/"
        yield {"tiny": Dataset("for tests", "none", base, ("en", "de"), files)}
        server.shutdown()
        thread.join()


def quiet(name, done, total):
    pass


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WHOLE = {path.removeprefix("raw/"): content for path, content in CONTENTS.items()}


def test_fetch_downloads_and_checks(catalogue, tmp_path):
    seen = []
    folder = tmp_path / "new" / "tiny"
    paths = downloads.fetch("tiny", folder, catalogue, lambda *progress: seen.append(progress))
    assert content_of(folder) == WHOLE
    assert paths == {
        "train": (folder / "train.en.gz", folder / "train.de.gz"),
        "dev": (folder / "dev.en", folder / "dev.de"),
    }
    size = len(CONTENTS["dev.en"])
    of_dev = [progress[1:] for progress in seen if progress[0] == "dev.en"]
    assert len(of_dev) > 1
    assert of_dev[-1] == (size, size)
    assert sorted(of_dev) == of_dev


def test_what_is_there_is_not_downloaded_again(catalogue, tmp_path):
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    (tmp_path / "dev.de").unlink()
    Server.requests.clear()
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert Server.requests == [("dev.de", None)]
    assert content_of(tmp_path) == WHOLE


def test_a_foreign_file_is_kept_and_named(catalogue, tmp_path):
    (tmp_path / "dev.en").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"dev\.en exists, but is not the file of .* 'tiny'"):
        downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert (tmp_path / "dev.en").read_bytes() == b"mine"


def test_a_broken_transfer_goes_on_where_it_stopped(catalogue, tmp_path):
    Server.faults["dev.en"] = ["truncated", "truncated"]
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    size = len(CONTENTS["dev.en"])
    asked = [wanted for path, wanted in Server.requests if path == "dev.en"]
    assert asked == [None, f"bytes={size // 2}-", f"bytes={size - size // 4}-"]
    assert content_of(tmp_path) == WHOLE


def test_a_later_call_goes_on(catalogue, tmp_path):
    Server.faults["dev.en"] = ["truncated"] * downloads.ATTEMPTS
    with pytest.raises(
        downloads.DownloadError, match=r"dev\.en: the transfer ended at byte \d+ of"
    ):
        downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert sorted(content_of(tmp_path)) == ["dev.en.part", "train.de.gz", "train.en.gz"]
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert content_of(tmp_path) == WHOLE


def test_a_server_without_ranges_starts_again(catalogue, tmp_path):
    Server.faults["dev.en"], Server.ranges = ["truncated"], False
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert content_of(tmp_path) == WHOLE


@pytest.mark.parametrize("leftover", [CONTENTS["dev.en"], b"wrong" * 100_000, b"wrong"])
def test_leftovers_are_checked(catalogue, tmp_path, leftover):
    (tmp_path / "dev.en.part").write_bytes(leftover)
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert content_of(tmp_path) == WHOLE


def test_damaged_content_is_downloaded_again(catalogue, tmp_path):
    Server.faults["dev.en"] = ["damaged"]
    downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert content_of(tmp_path) == WHOLE


def test_content_that_stays_damaged_is_refused(catalogue, tmp_path):
    Server.faults["dev.en"] = ["damaged"] * downloads.ATTEMPTS
    with pytest.raises(downloads.DownloadError, match="the content is damaged or has changed"):
        downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert sorted(content_of(tmp_path)) == ["train.de.gz", "train.en.gz"]


def test_missing_files_name_the_address(catalogue, tmp_path):
    Server.faults["dev.de"] = ["gone"]
    address = re.escape(catalogue["tiny"].base + "dev.de")
    with pytest.raises(downloads.DownloadError, match=f"cannot download {address}: .*404"):
        downloads.fetch("tiny", tmp_path, catalogue, quiet)


def test_no_network_names_the_address_and_the_way_out(catalogue, tmp_path):
    base = "http://127.0.0.1:9/"  # the discard port: nobody listens
    unreachable = {"tiny": catalogue["tiny"]._replace(base=base)}
    message = rf"cannot download {base}raw/train\.en\.gz: .* pass your own line-parallel files"
    with pytest.raises(downloads.DownloadError, match=message):
        downloads.fetch("tiny", tmp_path / "new", unreachable, quiet)
    assert os.listdir(tmp_path) == []


def test_unknown_names_are_listed(tmp_path):
    with pytest.raises(ValueError, match="must be one of multi30k, multi30k-tok, .*, got 'wmt'"):
        downloads.fetch("wmt", tmp_path)


def test_a_full_disk_is_no_network_error(catalogue, tmp_path, monkeypatch):
    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left on device") as caught:
        downloads.fetch("tiny", tmp_path, catalogue, quiet)
    assert not isinstance(caught.value, downloads.DownloadError)


def test_progress_is_one_line_a_file_in_logs(catalogue, tmp_path, capsys):
    downloads.fetch("tiny", tmp_path, catalogue)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == list(WHOLE)
    assert lines[2] == "dev.en: 0.26 of 0.26 MB"


def test_catalogue_is_complete_and_pinned():
    for dataset in DATASETS.values():
        assert re.fullmatch(r"https://.*/[0-9a-f]{40}/.*", dataset.base)
        names = [file.name.removesuffix(".gz") for file in dataset.files]
        assert names == [
            f"{split}.{language}"
            for split in ("train", "dev", "test")
            for language in dataset.languages
        ]
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in dataset.files)
        assert len({file.sha256 for file in dataset.files}) == len(dataset.files)


def test_command_line(catalogue, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        downloads.main(["--help"])
    assert caught.value.code == 0
    assert "multi30k-tok: Multi30k lowercased" in capsys.readouterr().out
    monkeypatch.setattr(downloads, "DATASETS", catalogue)
    downloads.main(["tiny", "--out", str(tmp_path)])
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "train.en.gz")
