"""The page to explore attention, in one piece of HTML that needs nothing from elsewhere."""

import base64
import hashlib
import json
import os
import re
import uuid
from importlib import resources
from pathlib import Path

_SCRIPTS = ("numbers.js", "maps.js", "steps.js", "page.js")

# What is chosen on the page.
VIEW = ("kind", "layer", "head", "query", "step")


def page(form, look=None, view=None):
    """The page.

    Args:
        form: what `Explorer.form` gave.
        look: what `Explorer.look` gave, for a page that stands alone; None: the page asks its
            server.
        view: what of a look is chosen at first, numbers from 0 for some of VIEW; None: the first.

    Returns:
        str of HTML. Its own policy allows its own script and style alone, by their hashes.
    """
    style = _source("page.css")
    script = "\n".join(map(_source, _SCRIPTS))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": policy,
        "STYLE": style,
        "DATA": as_script_data({"form": form, "look": look, "view": view}),
        "SCRIPT": script,
    }
    # In one pass: a text that spells one of these marks stays text.
    return re.sub(r"@(POLICY|STYLE|DATA|SCRIPT)@", lambda m: parts[m[1]], _source("index.html"))


def save_page(form, look, file):
    """Write the page that stands alone, whole or not at all; a file that is there is replaced.

    Raises:
        ValueError: the name does not end in .html.
        FileNotFoundError: there is no such folder.
    """
    file = Path(file)
    if file.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the page's file must end in .html; got {str(file)!r}")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(file.parent)!r}")
    temporary = file.with_name(f".{file.name}.writing-{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_text(page(form, look), encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def as_script_data(value):
    """JSON that can stand inside <script>: no character of it can end the element or a line."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _source(name):
    return (resources.files("zoo.visual") / "page" / name).read_text(encoding="utf-8")


def _hash(text):
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
