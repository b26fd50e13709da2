import pytest

from tests.small_bert import small_tokenizer
from zoo.tasks.warm_up import warm_up_texts
from zoo.text import CharacterTokenizer, train_byte_bpe, train_sentencepiece

SENTENCES = [
    f"the {a} cat sat on the {b} mat with a {c}" for a in "xyz" for b in "uvw" for c in "rq"
]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    corpus = tmp_path_factory.mktemp("corpus") / "text"
    corpus.write_text("\n".join(SENTENCES), "utf-8")
    return {
        "sentencepiece": train_sentencepiece(corpus, 47),
        "wordpiece": small_tokenizer(),
        "bytes": train_byte_bpe([], 275, texts=SENTENCES),
        "characters": CharacterTokenizer(sorted(set("".join(SENTENCES))), with_end=True),
    }


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece", "bytes", "characters"])
def test_a_typical_text_is_one_of_many_tokens(tokenizers, kind):
    tokenizer = tokenizers[kind]
    empty, typical, mixed, many = warm_up_texts(tokenizer)
    assert empty == [""]
    assert many == typical * 8
    assert mixed == [typical[0][:10], typical[0], ""]
    if kind == "wordpiece":
        ids = tokenizer.encode_batch(typical).inputs["token_ids"][0].tolist()
    else:
        (ids,) = tokenizer.encode(typical)
    assert 12 <= len(ids) <= 48
    assert len(set(ids)) > 9
