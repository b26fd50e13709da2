"""From the name of a folder or of a Hugging Face repository to a folder on this disk."""

import re
from pathlib import Path

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILES = ("*.json", "*.safetensors", "*.spm", "*.model", "*.txt")


def pretrained_folder(folder_or_hub_name, revision=None):
    """The folder that holds a pretrained model.

    Args:
        folder_or_hub_name: path of a folder, or a name such as "Helsinki-NLP/opus-mt-en-de", whose
            JSON, safetensors and vocabulary files are downloaded once by `huggingface_hub`.
        revision: branch, tag or commit of a hub name; None: the newest.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: a revision of a folder.
        FileNotFoundError: no such folder, and no name of the hub.
        ImportError: a name of the hub, and `huggingface_hub` is not installed.
    """
    name = str(folder_or_hub_name)
    if Path(name).is_dir():
        if revision is not None:
            raise ValueError(f"revision: {name} is a folder, which has none; got {revision!r}")
        return Path(name)
    if isinstance(folder_or_hub_name, Path) or not _HUB_NAME.fullmatch(name) or name[0] == ".":
        raise FileNotFoundError(f"there is no folder {name}, and it is no name of the hub")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError(
            f"there is no folder {name}; to download it from the hub: pip install huggingface_hub"
        ) from error
    return Path(snapshot_download(name, revision=revision, allow_patterns=list(_FILES)))
