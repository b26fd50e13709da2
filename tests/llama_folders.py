"""Small SentencePiece models as a Llama has them, in folders of every kind."""

import functools
import io
import json
import random

import sentencepiece

from tests.byte_bpe_texts import texts
from zoo.text.byte_bpe_description import special_token

SYLLABLES = ["ka", "tze", "stra", "ße", "bäu", "me", "hello", "world", "ing", "the", "é", "漢"]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
LLAMA = {**TOKENS, "add_bos_token": True, "tokenizer_class": "LlamaTokenizer"}
AS_IT_STANDS = {**TOKENS, "add_bos_token": True, "tokenizer_class": "PreTrainedTokenizerFast"}
# As Llama 2 was released: SentencePiece's own way, as normalizers.
PREPEND = {
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        ],
    },
    "pre_tokenizer": None,
}
# Kind -> settings, and what tokenizer.json has in another way, None: there is only tokenizer.model.
KINDS = {
    "model": (LLAMA, None),
    "legacy": ({**LLAMA, "legacy": True}, None),
    "no_prefix": ({**LLAMA, "add_prefix_space": False, "pad_token": "<pad>"}, None),
    "json": (LLAMA, PREPEND),
    "json_as_it_stands": (AS_IT_STANDS, PREPEND),
    "json_with_tokens": (LLAMA, {"more_tokens": ["<x y>", "<x"]}),
}
NASTY = texts() + [
    *("<s>", "</s> x", " <s> a </s>b", "hello<s> hello", "<s><s>hello ", "<unk>", "<pad>é"),
    *("<0x0A>", "a<x y>b <x y", "\u2581x", " \u2581x", "a\u2581 b", " lead", "trail ", "  "),
    "漢\U0001f600\n\n",
]


@functools.cache
def model_proto(vocab_size=499, **options):
    """Bytes of a SentencePiece model with the settings of Llama's, but for `options`."""
    dice = random.Random(3)
    words = ["".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(211)]
    lines = [
        f"The {' '.join(dice.choices(words, k=dice.randint(1, 13)))} {number}.  {{ x = [y];  }}"
        for number in range(307)
    ]
    model = io.BytesIO()
    settings = {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "split_digits": True,
        "unk_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "pad_id": -1,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=vocab_size,
        minloglevel=2,
        **settings | options,
    )
    return model.getvalue()


def write_kind(folder, kind):
    """Write the tokenizer's files of a kind into a folder that exists."""
    settings, changes = KINDS[kind]
    text = json.dumps(settings)
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    (folder / "tokenizer.model").write_bytes(model_proto())
    if changes is not None:
        write_json(folder, changes)


def write_json(folder, changes, remove_model=True):
    """Write a tokenizer.json as transformers makes it of tokenizer.model, with changes."""
    import transformers

    theirs = transformers.LlamaTokenizer.from_pretrained(folder)
    description = json.loads(theirs.backend_tokenizer.to_str()) | changes
    more = enumerate(description.pop("more_tokens", []), start=len(theirs))
    description["added_tokens"] += [special_token(text, i, special=False) for i, text in more]
    text = json.dumps(description, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    if remove_model:
        (folder / "tokenizer.model").unlink()


def random_rows(size, count=997):
    """Rows of ids, every other one of bytes for the most part."""
    dice = random.Random(7)
    return [[dice.randrange(size if row % 2 else 290) for _ in range(11)] for row in range(count)]
