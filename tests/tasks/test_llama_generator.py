"""Generators of Llama 2's folders answer as transformers does with its tokenizer."""

import json

import numpy as np
import pytest

import zoo
from tests.checkpoints.test_llama import CONFIGS
from tests.gpt_checkpoints import reference_model, torch, transformers
from tests.llama_folders import LLAMA, PREPEND, write_json, write_kind
from tests.serving.calls import in_process, only_in_process
from zoo.tasks import TextGenerator
from zoo.text import LlamaTokenizer

NEW = 11
PROMPTS = [
    *("", " ", "me", "12", "漢", " the", "  the  katze", "x y ", "the </s> end", "<s>the"),
    *("漢字 é", "a\n", "\n", "🎉", "\t x", "straße bäume 🎉🎉", "2.  {", "world hello"),
]


@pytest.fixture(scope="module")
def reference():
    own = {"vocab_size": 499, "max_position_embeddings": 97, "bos_token_id": 1, "eos_token_id": 2}
    config = transformers.LlamaConfig(**{**CONFIGS["grouped"], **own})
    return reference_model(transformers.LlamaForCausalLM, config, kernels=15)


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    reference.save_pretrained(folder)
    write_kind(folder, "model")
    return folder


@pytest.fixture(scope="module")
def generator(folder):
    return TextGenerator.from_pretrained(folder, options={"max_new_tokens": NEW})


@pytest.fixture(scope="module")
def expected(reference, folder):
    """What transformers makes of the prompts: texts behind them, and new ids."""
    tokenizer = transformers.LlamaTokenizer.from_pretrained(folder)
    return answers(reference, tokenizer)


def answers(reference, tokenizer):
    texts, rows = [], []
    for prompt in PROMPTS:
        before = tokenizer(prompt).input_ids
        ids = torch.tensor([before])
        with torch.no_grad():
            found = reference.generate(
                ids, max_new_tokens=NEW, do_sample=False, eos_token_id=2, pad_token_id=0
            )[0].tolist()
        first, whole = (tokenizer.decode(x, skip_special_tokens=True) for x in (before, found))
        texts.append(whole[len(first) :])
        rows.append(found[len(before) :])
    return texts, rows


def test_the_model_shows_what_tokenizers_differ_on(expected):
    texts, rows = expected
    assert any(text.startswith(" ") for text in texts)
    assert any("\ufffd" in text for text in texts)
    assert len(set(texts)) > len(texts) // 2
    assert len({token for row in rows for token in row}) > 20


def test_greedy_texts_equal_generate(generator, expected):
    assert isinstance(generator.tokenizer, LlamaTokenizer)
    found = [row[0] for row in generator.generate(PROMPTS)]
    assert [each.ids for each in found] == expected[1]
    assert [each.text for each in found] == expected[0]


def test_a_folder_with_tokenizer_json_alone(reference, tmp_path):
    reference.save_pretrained(tmp_path)
    write_kind(tmp_path, "json_as_it_stands")
    made = TextGenerator.from_pretrained(tmp_path, options={"max_new_tokens": NEW})
    texts, _ = answers(reference, transformers.AutoTokenizer.from_pretrained(tmp_path))
    assert made(PROMPTS) == texts


def test_streamed_texts(generator, expected):
    for prompt, text in zip(PROMPTS, expected[0], strict=True):
        pieces = list(generator.stream(prompt))
        assert "".join(pieces) == text
        assert all(pieces)


def test_stop_strings(generator, expected):
    for prompt, text in zip(PROMPTS[2:7], expected[0][2:7], strict=True):
        stop = text[3:5]
        if stop:
            (found,) = generator([prompt], stop=[stop])
            assert found == text[: text.index(stop)]
            assert "".join(generator.stream(prompt, stop=[stop])) == found


def test_a_prefix_is_what_texts_go_on_behind(generator):
    prefixed = generator.with_prefix("hello the")
    for prompt in ("", "katze", " katze"):
        (found,) = prefixed.generate([prompt])
        before = prefixed.row(prompt)[0].tolist()
        first, whole = generator.tokenizer.decode([before, [*before, *found[0].ids]])
        assert found[0].text == whole[len(first) :]
        assert "".join(prefixed.stream(prompt)) == found[0].text


def test_saved_and_written_folders(generator, expected, tmp_path):
    generator.save(tmp_path / "task")
    assert zoo.load(tmp_path / "task")(PROMPTS) == expected[0]
    generator.save_pretrained(tmp_path / "pretrained")
    again = TextGenerator.from_pretrained(tmp_path / "pretrained", options=generator.options)
    assert again(PROMPTS) == expected[0]
    model = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "pretrained")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "pretrained")
    assert answers(model.eval(), tokenizer) == expected


@only_in_process
def test_served_texts(generator, expected, tmp_path):
    generator.export(tmp_path / "1")
    served = in_process(tmp_path / "1")
    outputs = served({"prompt": PROMPTS})
    assert [text.decode() for text in outputs["text"]] == expected[0]
    scores = [row[0].score for row in generator.generate(PROMPTS)]
    np.testing.assert_allclose(outputs["score"], scores, rtol=1e-4)
    long = ["the katze " * 97]
    assert [text.decode() for text in served({"prompt": long})["text"]] == generator(long)
    (text,) = served({"prompt": [b"\xff\xfe the"]})["text"]
    assert text.decode() == generator(["\ufffd\ufffd the"])[0]


def test_a_vocabulary_larger_than_the_model(folder, reference, tmp_path):
    reference.save_pretrained(tmp_path)
    write_kind(tmp_path, "model")
    write_json(tmp_path, {**PREPEND, "more_tokens": [f"<{number}>" for number in range(7)]})
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    with pytest.raises(ValueError, match="tokenizer has 506 ids, the model 499"):
        TextGenerator.from_pretrained(tmp_path)
