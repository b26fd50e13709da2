"""Addresses and checksums of the translation data sets that `downloads.fetch` knows by name."""

from typing import NamedTuple


class RemoteFile(NamedTuple):
    """A file of a data set: its address below the data set's base, its local name (split, language,
    ".gz" where it is packed) and the SHA-256 of its bytes as downloaded."""

    path: str
    name: str
    sha256: str


class Dataset(NamedTuple):
    """A line-parallel data set; files have the names split.language or split.language.gz."""

    description: str
    license: str
    base: str
    languages: tuple
    files: tuple


_GITHUB = "https://raw.githubusercontent.com"
_MULTI30K = f"{_GITHUB}/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/"
_SMALL_PARALLEL_ENJA = (
    f"{_GITHUB}/odashi/small_parallel_enja/312408a11c5fbcbc09443bebb18121f7efdcd61e/"
)
DATASETS = {
    "multi30k": Dataset(
        description="English-German image captions, cased, untokenized; test is test_2016_flickr",
        license="non-commercial research and educational use",
        base=_MULTI30K,
        languages=("en", "de"),
        files=(
            RemoteFile(
                "raw/train.en.gz",
                "train.en.gz",
                "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
            ),
            RemoteFile(
                "raw/train.de.gz",
                "train.de.gz",
                "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
            ),
            RemoteFile(
                "raw/val.en.gz",
                "dev.en.gz",
                "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
            ),
            RemoteFile(
                "raw/val.de.gz",
                "dev.de.gz",
                "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
            ),
            RemoteFile(
                "raw/test_2016_flickr.en.gz",
                "test.en.gz",
                "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
            ),
            RemoteFile(
                "raw/test_2016_flickr.de.gz",
                "test.de.gz",
                "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
            ),
        ),
    ),
    "multi30k-tok": Dataset(
        description="Multi30k lowercased, normalized and Moses-tokenized by its authors",
        license="non-commercial research and educational use",
        base=_MULTI30K,
        languages=("en", "de"),
        files=(
            RemoteFile(
                "tok/train.lc.norm.tok.en",
                "train.en",
                "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
            ),
            RemoteFile(
                "tok/train.lc.norm.tok.de",
                "train.de",
                "cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505",
            ),
            RemoteFile(
                "tok/val.lc.norm.tok.en",
                "dev.en",
                "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
            ),
            RemoteFile(
                "tok/val.lc.norm.tok.de",
                "dev.de",
                "97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00",
            ),
            RemoteFile(
                "tok/test_2016_flickr.lc.norm.tok.en",
                "test.en",
                "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2",
            ),
            RemoteFile(
                "tok/test_2016_flickr.lc.norm.tok.de",
                "test.de",
                "c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4",
            ),
        ),
    ),
    "small-parallel-enja": Dataset(
        description="English-Japanese sentences of 4 to 16 words (Tanaka corpus), tokenized",
        license="not stated",
        base=_SMALL_PARALLEL_ENJA,
        languages=("en", "ja"),
        files=(
            RemoteFile(
                "train.en",
                "train.en",
                "148b05dcd28638fe20ee84f2b1127001c80982be352007dda241fb759adadc76",
            ),
            RemoteFile(
                "train.ja",
                "train.ja",
                "fc81a1434349ec98a449d7ae9cd2530057f689637684ecfed3501ea6a8a07ecc",
            ),
            RemoteFile(
                "dev.en",
                "dev.en",
                "04a2673449770657fd5e3b963cb856be3130923212b6db8ac7eaeef18f06c041",
            ),
            RemoteFile(
                "dev.ja",
                "dev.ja",
                "cd534f56b8639dc130f86a365e5ec0aa70042000bdd740a622fbbf8b6be4acca",
            ),
            RemoteFile(
                "test.en",
                "test.en",
                "45edb380749ec2b49cca7618fc5a7595fc9f791180672ba466b90c873a4aa8bf",
            ),
            RemoteFile(
                "test.ja",
                "test.ja",
                "d37dc460a81b064e4106c8913eb11fa300da05cf3f58a7a5bbfec7e20947ddef",
            ),
        ),
    ),
}
