"""Which ops the releases of TF Serving can run, from the data file beside this module."""

import functools
import importlib.resources

RELEASES = ("2.19.1", "2.20.0")


@functools.cache
def known_ops(release):
    """{op type: frozenset of its attributes} of a release, one of `RELEASES`.

    Raises:
        ValueError: there is no list for this release.
    """
    if release not in RELEASES:
        raise ValueError(f"release: got {release!r}, there are op lists for {', '.join(RELEASES)}")
    text = importlib.resources.files("zoo.serving").joinpath("op_lists.txt").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        releases, op, *attributes = line.split(" ")
        if releases == "*" or release in releases.split(","):
            found[op] = frozenset(attributes)
    return found
