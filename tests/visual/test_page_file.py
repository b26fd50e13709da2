import base64
import hashlib
import html.parser
import json
import re

import pytest

from zoo.visual.page_file import as_script_data, page, save_page

FORM = {"task": "Translator", "parameters": 7, "fields": []}
NASTY = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "@SCRIPT@ @STYLE@ @DATA@ @POLICY@",
    "\u2028\u2029\\ \" ' & \x00",
    "\\g<0> \\1",
]


class Elements(html.parser.HTMLParser):
    """The scripts, styles and attributes of a page, as a browser reads them."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.contents, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *attribute) for attribute in attributes]
        self.inside = [tag]

    def handle_data(self, data):
        if self.inside[-1:] in (["script"], ["style"]):
            self.contents.append(data)

    def handle_endtag(self, tag):
        self.inside = []


def test_no_text_leaves_its_place():
    look = {"texts": NASTY}
    view = {"layer": 1, "step": 3}
    elements = Elements(page(FORM, look, view))
    style, data, script = elements.contents
    assert json.loads(data) == {"form": FORM, "look": look, "view": view}
    plain = Elements(page(FORM))
    assert (style, script) == (plain.contents[0], plain.contents[2])
    assert elements.attributes == plain.attributes


def test_script_data_is_json_that_ends_nothing():
    text = as_script_data(NASTY)
    assert json.loads(text) == NASTY
    assert not set("<>&\u2028\u2029") & set(text)
    with pytest.raises(ValueError, match="JSON"):
        as_script_data(float("nan"))


def test_the_policy_allows_the_pages_own_script_and_style_alone():
    elements = Elements(page(FORM))
    style, _, script = elements.contents
    (policy,) = [
        value for tag, name, value in elements.attributes if "default-src" in (value or "")
    ]
    for kind, content in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_nothing_comes_from_elsewhere():
    text = page(FORM)
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text)
    assert "innerHTML" not in text
    assert "eval(" not in text
    sources = [value for _, name, value in Elements(text).attributes if name in ("src", "href")]
    assert sources == ["data:,"]


def test_a_saved_page_is_whole_or_absent(tmp_path, monkeypatch):
    file = tmp_path / "page.html"
    save_page(FORM, None, file)
    save_page(FORM, None, file)
    assert file.read_text("utf-8") == page(FORM)
    with pytest.raises(ValueError, match=r"must end in \.html; got .*page\.txt"):
        save_page(FORM, None, tmp_path / "page.txt")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_page(FORM, None, tmp_path / "nowhere" / "page.html")
    with pytest.raises(ValueError, match="JSON"):
        save_page(FORM, float("inf"), tmp_path / "other.html")
    assert list(tmp_path.iterdir()) == [file]
