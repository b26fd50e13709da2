"""The contestants of translation: the same Marian weights in four runtimes.

`make_folder` draws a Marian (OPUS-MT) model of random weights; each other function is a builder
that runs in a process of its own (`benchmarks.worker`) and imports its runtime alone. Work is made
equal: `ROWS` sentences of `SOURCE_LENGTH` ids, end included, and `NEW_TOKENS` new ids each,
because final_logits_bias forbids the end of the sentence (and padding) in every runtime.
"""

import json
import pathlib
import sys

from benchmarks.worker import Contestant

ROWS, SOURCE_LENGTH, NEW_TOKENS, VOCAB_SIZE = 32, 24, 32, 8000
FORBIDDEN = -1e4
SIZES = {  # layers of each stack, D, feed-forward, heads
    "tiny": (4, 128, 256, 4),
    "small": (6, 256, 1024, 4),
    "base": (6, 512, 2048, 8),
}


def make_folder(folder, size):
    """Write a Marian folder as the transformers library writes it, and sentences.json."""
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    pieces, sentences = _train_pieces(folder)
    vocabulary = {piece: i for i, piece in enumerate(("</s>", "<unk>", *pieces, "<pad>"))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "sentences.json").write_text(json.dumps(sentences))
    spm = folder / "source.spm", folder / "target.spm"
    MarianTokenizer(*map(str, spm), vocab=str(folder / "vocab.json")).save_pretrained(folder)
    num_layers, hidden_dim, feed_forward_dim, num_heads = SIZES[size]
    end_id, pad_id = vocabulary["</s>"], vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary),
        d_model=hidden_dim,
        encoder_layers=num_layers,
        decoder_layers=num_layers,
        encoder_ffn_dim=feed_forward_dim,
        decoder_ffn_dim=feed_forward_dim,
        encoder_attention_heads=num_heads,
        decoder_attention_heads=num_heads,
        activation_function="relu",
        scale_embedding=True,
        # Larger than for training: with tiny weights every row would repeat one word.
        init_std=0.06,
        pad_token_id=pad_id,
        eos_token_id=end_id,
        decoder_start_token_id=pad_id,
        forced_eos_token_id=None,
    )
    torch.manual_seed(0)
    model = MarianMTModel(config)
    model.final_logits_bias[:, [end_id, pad_id]] = FORBIDDEN
    model.save_pretrained(folder)


def _train_pieces(folder):
    """source.spm and target.spm of invented words; returns the pieces and sentences of them."""
    import numpy as np
    import sentencepiece

    generator = np.random.default_rng(0)
    syllables = [first + second for first in "bcdfghjklmnprstv" for second in "aeiou"]
    words = [first + second for first in syllables for second in syllables]
    longer = ["".join(word) for word in generator.choice(syllables, (VOCAB_SIZE // 2, 3))]
    text = folder / "words.txt"
    text.write_text("\n".join([*words, *words, *longer]))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "source"),
        vocab_size=VOCAB_SIZE,  # <unk>, <s>, </s> of its own stand for </s>, <unk>, <pad>
        model_type="bpe",
        minloglevel=2,
    )
    (folder / "source.model").rename(folder / "source.spm")
    (folder / "source.vocab").unlink()
    text.unlink()
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    model = sentencepiece.SentencePieceProcessor(str(folder / "source.spm"))
    whole = [word for word in words if len(model.encode(word)) == 1]
    length = SOURCE_LENGTH - 1  # and the end
    picked = generator.choice(whole, (ROWS, length))
    return [model.id_to_piece(i) for i in range(3, VOCAB_SIZE)], [" ".join(row) for row in picked]


def export(folder, target, beam_size):
    """Runs in a worker: the Marian folder as a SavedModel of zoo's `Translator`."""
    from zoo.tasks import Translator

    translator = Translator.from_pretrained(folder)
    translator.length_factor, translator.length_offset = 0.0, NEW_TOKENS
    translator.export(target, beam_size=beam_size)
    return Contestant(lambda: None, {})


def saved_model(folder, target, threads):
    """zoo's SavedModel with TensorFlow alone: strings in, strings out."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (its ops stand in the graph)

    _set_threads(threads)
    serve = tf.saved_model.load(target).signatures["serving_default"]
    texts = tf.constant(_sentences(folder))

    def call():
        return serve(text=texts)["text"].numpy()

    facts = _facts([text.decode() for text in call()])
    return Contestant(call, {**facts, "zoo imported": "zoo" in sys.modules})


def loader(folder, target, threads):
    """zoo's SavedModel in TensorFlow's C++ loader, XLA off, as TF Serving runs it."""
    import numpy as np

    from tests.loader import Server

    server = Server(target, threads=threads)
    texts = np.array([sentence.encode() for sentence in _sentences(folder)])

    def call():
        return server.predict({"text": texts})["text"]

    return Contestant(call, _facts([text.decode() for text in call()]))


def in_python(folder, beam_size, threads):
    """zoo's `Translator` itself, before any export."""
    from zoo.tasks import Translator

    _set_threads(threads)
    translator = Translator.from_pretrained(folder)
    translator.length_factor, translator.length_offset = 0.0, NEW_TOKENS
    sentences = _sentences(folder)

    def call():
        return translator(sentences, beam_size=beam_size)

    return Contestant(call, _facts(call()))


def transformers(folder, beam_size, threads):
    """`MarianMTModel.generate`, ids in, ids out (tokenizing stays outside the clock)."""
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    torch.set_num_threads(threads[0])
    tokenizer = MarianTokenizer.from_pretrained(folder)
    model = MarianMTModel.from_pretrained(folder).eval()
    batch = tokenizer(_sentences(folder), return_tensors="pt")

    def call():
        with torch.inference_mode():
            return model.generate(
                **batch, num_beams=beam_size, do_sample=False, max_new_tokens=NEW_TOKENS
            )

    ids = call()[:, 1:]  # without the start
    facts = _facts(tokenizer.batch_decode(ids, skip_special_tokens=True))
    return Contestant(call, {**facts, "shape": list(ids.shape), "source": batch.input_ids.shape[1]})


def ctranslate2(folder, beam_size, threads, compute_type):
    """CTranslate2's `Translator`, pieces in, pieces out (tokenizing stays outside the clock)."""
    import ctranslate2 as library
    from transformers import MarianTokenizer

    converted = pathlib.Path(folder, "ctranslate2")
    if not converted.exists():
        library.converters.TransformersConverter(str(folder)).convert(str(converted))
    runtime = library.Translator(
        str(converted),
        compute_type=compute_type,
        inter_threads=1,
        intra_threads=threads[0],
    )
    tokenizer = MarianTokenizer.from_pretrained(folder)
    rows = tokenizer(_sentences(folder)).input_ids
    batch = [tokenizer.convert_ids_to_tokens(row) for row in rows]

    def call():
        return runtime.translate_batch(
            batch, beam_size=beam_size, max_decoding_length=NEW_TOKENS, return_scores=False
        )

    found = [result.hypotheses[0] for result in call()]
    texts = [tokenizer.convert_tokens_to_string(pieces).strip() for pieces in found]
    lengths = sorted({len(pieces) for pieces in found})
    return Contestant(
        call, {**_facts(texts), "lengths": lengths, "compute_type": runtime.compute_type}
    )


def _sentences(folder):
    return json.loads(pathlib.Path(folder, "sentences.json").read_text())


def _facts(texts):
    return {"texts": texts}


def _set_threads(threads):
    """(within an operation, between operations)"""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads[0])
    tf.config.threading.set_inter_op_parallelism_threads(threads[1])
