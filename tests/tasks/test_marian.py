"""An OPUS-MT folder as a task: strings equal those of the transformers library."""

import json

import numpy as np
import pytest

import zoo
from tests.loader import CannotBuild, Server
from tests.marian_folders import ENGLISH, write_folder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = [ENGLISH[3], "The quick dogs.", ">>deu<< fox and\u00a0dogs: says 17!", "ﬁ \u4e2d\u6587 é"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("marian") / "model")
    ids = json.loads((folder / "vocab.json").read_text())
    pad = ids["<pad>"]
    torch.manual_seed(5)
    config = transformers.MarianConfig(
        vocab_size=len(ids),
        d_model=28,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=7,
        decoder_attention_heads=2,
        encoder_ffn_dim=13,
        decoder_ffn_dim=17,
        activation_function="swish",
        scale_embedding=True,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        max_position_embeddings=64,
        init_std=0.3,
    )
    model = transformers.MarianMTModel(config)
    model.final_logits_bias[0, 0] = 2.0  # so that some sequences end before the limit
    model.generation_config = transformers.GenerationConfig(
        num_beams=3,
        max_length=17,
        bad_words_ids=[[pad]],
        forced_eos_token_id=0,
        renormalize_logits=True,
        early_stopping="never",
        pad_token_id=pad,
        eos_token_id=0,
        decoder_start_token_id=pad,
    )
    model.save_pretrained(folder)
    return folder


def generated(folder, texts, **options):
    model = transformers.MarianMTModel.from_pretrained(folder).eval()
    tokenizer = transformers.MarianTokenizer.from_pretrained(folder)
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.no_grad():
        ids = model.generate(**batch, **options)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_translations_equal_generate(folder, beam_size):
    translator = zoo.tasks.Translator.from_pretrained(folder)
    # early_stopping is for beams: transformers warns of it in greedy search
    options = {"num_beams": 1, "early_stopping": False} if beam_size == 1 else {}
    assert translator(TEXTS, beam_size=beam_size) == generated(folder, TEXTS, **options)


def test_the_folders_settings_are_the_defaults(folder):
    translator = zoo.tasks.Translator.from_pretrained(folder)
    assert translator(TEXTS) == translator(TEXTS, beam_size=3, length_penalty=1.0)
    assert all(len(ids) < 17 for ids in translator.target_tokenizer.encode(translator(TEXTS)))


def test_transformers_reads_what_the_task_saves(folder, tmp_path):
    translator = zoo.tasks.Translator.from_pretrained(folder)
    translator.save_pretrained(tmp_path / "again")
    assert generated(tmp_path / "again", TEXTS) == generated(folder, TEXTS)
    assert zoo.tasks.Translator.from_pretrained(tmp_path / "again")(TEXTS) == translator(TEXTS)


def test_saved_as_a_task_it_keeps_its_constraints(folder, tmp_path):
    translator = zoo.tasks.Translator.from_pretrained(folder)
    translator.save(tmp_path / "task")
    assert zoo.load(tmp_path / "task")(TEXTS) == translator(TEXTS)


def test_the_export_translates_the_same(folder, tmp_path):
    translator = zoo.tasks.Translator.from_pretrained(folder)
    translator.export(tmp_path / "opus" / "1")
    try:
        server = Server(tmp_path / "opus" / "1")
    except CannotBuild as error:
        pytest.skip(str(error))
    with server:
        answer = server.predict({"text": np.array(TEXTS, object)})
    assert [text.decode() for text in answer["text"]] == generated(folder, TEXTS)


def test_other_tokenizers_are_refused(tmp_path):
    files = tmp_path / "text"
    files.write_text("".join(f"{line}\n" for line in ENGLISH))
    tokenizer = zoo.text.train_sentencepiece(files, 60)
    model = zoo.models.Transformer.from_size("tiny", vocab_size=60, num_encoder_layers=1)
    with pytest.raises(ValueError, match="needs Marian's tokenizers"):
        zoo.tasks.Translator(model, tokenizer).save_pretrained(tmp_path / "folder")
