"""A folder that appears complete or not at all."""

import contextlib
import os
import pathlib
import shutil
import uuid


def refuse_existing(folder):
    """Raise FileExistsError if something is already at `folder`."""
    if os.path.lexists(folder):
        raise FileExistsError(
            f"folder: {str(folder)!r} exists; remove it, or give a path that is not there yet "
            "(for TF Serving: the next version number)"
        )


@contextlib.contextmanager
def new_folder(folder):
    """Fill a hidden folder beside `folder`, and rename it when everything is in it.

    Whatever goes wrong, nothing stays behind: neither the hidden folder nor parents made for it.

    Args:
        folder: path that must not exist yet; missing parents are made.

    Yields:
        The `pathlib.Path` to write into.

    Raises:
        FileExistsError: something is at `folder`, before or after the filling.
    """
    folder = pathlib.Path(folder).absolute()
    refuse_existing(folder)
    missing = [parent for parent in folder.parents if not parent.exists()]
    # Not tempfile.mkdtemp: its folders are for their owner only, and a server has its own user.
    partial = folder.parent / f".{folder.name}.partial-{uuid.uuid4().hex[:8]}"
    try:
        partial.mkdir(parents=True)
        yield partial
        refuse_existing(folder)  # os.rename would replace an empty folder without a word
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        with contextlib.suppress(OSError):  # a parent that others use by now stays
            for parent in missing:
                parent.rmdir()
        raise
