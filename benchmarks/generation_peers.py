"""The contestants of generation: the same GPT-2 weights in five runtimes.

`make_folder` draws a GPT-2 of random weights; each other function is a builder that runs in a
process of its own (`benchmarks.worker`) and imports its runtime alone. Everyone continues the same
prompts of `PROMPT_LENGTH` ids greedily by exactly `NEW_TOKENS` ids: the end can never come, because
its row of the table alone reads what the last norm's bias writes, with the opposite sign.
"""

import itertools
import json
import pathlib
import sys

from benchmarks.worker import Contestant

PROMPT_LENGTH, NEW_TOKENS, VOCAB_SIZE = 16, 112, 50257
END = "<|endoftext|>"
SIZES = {"tiny": (2, 128), "small": (6, 512), "base": (12, 768)}  # layers, D; heads of 64
MOST_ROWS = 8


def make_folder(folder, size):
    """Write a GPT-2 folder as the transformers library writes it, and prompts.json."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

    vocabulary, merges, words = vocabulary_of_words()
    tokenizer = GPT2Tokenizer(vocab=vocabulary, merges=merges)
    tokenizer.save_pretrained(folder)
    folder = pathlib.Path(folder)
    # Read where there is no tokenizer.json, as by older libraries.
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, merges), ""]))
    count = PROMPT_LENGTH // 2  # a space and a word are two ids
    texts = ["".join(f" {words[97 * (count * i + j)]}" for j in range(count)) for i in range(8)]
    prompts = [{"text": text, "ids": tokenizer(text).input_ids} for text in texts]
    (folder / "prompts.json").write_text(json.dumps(prompts))
    num_layers, hidden_dim = SIZES[size]
    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_embd=hidden_dim,
        n_layer=num_layers,
        n_head=hidden_dim // 64,
        # Larger than for training: with tiny weights every row would repeat one word.
        initializer_range=0.08,
    )
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        table, norm = model.transformer.wte.weight, model.transformer.ln_f
        table[:, 0], table[vocabulary[END], 0] = 0.0, -1000.0
        norm.weight[0], norm.bias[0] = 0.0, 3.0
    model.save_pretrained(folder)


def vocabulary_of_words():
    """A byte-level BPE of invented words, as large as GPT-2's: {piece: id}, the merges, and words
    of four letters, each a piece of its own."""
    syllables = list(itertools.product("bcdfghjklmnpqrstvwxyz", "aeiou"))
    merges = [*syllables]
    two = ["".join(syllable) for syllable in syllables]
    merges += (pairs := list(itertools.product(two, two)))
    four = ["".join(pair) for pair in pairs]
    free = VOCAB_SIZE - 256 - len(merges) - 1  # without bytes and the end
    merges += itertools.islice(itertools.product(four, two), free)
    # The characters that stand for bytes, in the order of GPT-2's vocabulary.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    pieces = [chr(c) for c in [*printable, *range(0x100, 0x100 + 256 - len(printable))]]
    pieces += ["".join(pair) for pair in merges] + [END]
    return {piece: i for i, piece in enumerate(pieces)}, merges, four


def prompts_of(folder, rows):
    """The first `rows` prompts: texts, and ids (B, P) as lists."""
    prompts = json.loads(pathlib.Path(folder, "prompts.json").read_text())[:rows]
    return [prompt["text"] for prompt in prompts], [prompt["ids"] for prompt in prompts]


def export(folder, target):
    """Runs in a worker: the folder as a SavedModel of zoo's `TextGenerator`."""
    from zoo.tasks import TextGenerator

    TextGenerator.from_pretrained(folder).export(target, max_new_tokens=NEW_TOKENS)
    return Contestant(lambda: None, {})


def saved_model(folder, target, rows, threads):
    """zoo's SavedModel with TensorFlow alone: strings in, strings out."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (its ops stand in the graph)

    set_threads(threads)
    serve = tf.saved_model.load(target).signatures["serving_default"]
    texts = tf.constant(prompts_of(folder, rows)[0])

    def call():
        return serve(prompt=texts)["text"].numpy()

    facts = {"texts": [text.decode() for text in call()], "zoo imported": "zoo" in sys.modules}
    return Contestant(call, facts)


def loader(folder, target, rows, threads):
    """zoo's SavedModel in TensorFlow's C++ loader, XLA off, as TF Serving runs it."""
    import numpy as np

    from tests.loader import Server

    server = Server(target, threads=threads)
    texts = np.array([text.encode() for text in prompts_of(folder, rows)[0]])

    def call():
        return server.predict({"prompt": texts})["text"]

    return Contestant(call, {"texts": [text.decode() for text in call()]})


def zoo(folder, rows, threads):
    """zoo's `TextGenerator` itself, texts in, ids and texts out, on the backend in use."""
    import keras

    from zoo.tasks import TextGenerator

    if keras.backend.backend() == "tensorflow":
        set_threads(threads)
    elif keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads[0])
    generator = TextGenerator.from_pretrained(folder, options={"max_new_tokens": NEW_TOKENS})
    texts = prompts_of(folder, rows)[0]

    def call():
        return generator.generate(texts, batch_size=rows)

    return Contestant(call, {"ids": [found[0].ids for found in call()]})


def keras_hub(folder, rows, threads, jit_compile):
    """`GPT2CausalLM.generate`, ids in, ids out."""
    import keras
    import keras_hub
    import numpy as np

    if keras.backend.backend() == "tensorflow":
        set_threads(threads)
    model = keras_hub.models.GPT2CausalLM(keras_hub.models.GPT2Backbone.from_preset(folder))
    model.compile(sampler="greedy", jit_compile=jit_compile)
    ids = np.pad(prompts_of(folder, rows)[1], ((0, 0), (0, NEW_TOKENS))).astype("int32")
    inputs = {"token_ids": ids, "padding_mask": np.zeros_like(ids)}
    inputs["padding_mask"][:, :PROMPT_LENGTH] = 1

    def call():
        return np.asarray(model.generate(inputs, stop_token_ids=None)["token_ids"])

    found = call()[:, PROMPT_LENGTH:].tolist()
    return Contestant(call, {"ids": found, "compiled": f"jit_compile={model.jit_compile}"})


def transformers(folder, rows, threads):
    """`GPT2LMHeadModel.generate`, ids in, ids out."""
    import torch
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(threads[0])
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    ids = torch.tensor(prompts_of(folder, rows)[1])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pad_token_id": 0}

    def call():
        with torch.inference_mode():
            return model.generate(**inputs, do_sample=False, max_new_tokens=NEW_TOKENS)

    return Contestant(call, {"ids": call()[:, PROMPT_LENGTH:].tolist()})


def ctranslate2(folder, rows, threads, compute_type):
    """CTranslate2's `Generator`, pieces in, ids out."""
    import ctranslate2 as library

    converted = pathlib.Path(folder, "ctranslate2")
    if not converted.exists():
        library.converters.TransformersConverter(str(folder)).convert(str(converted))
    runtime = library.Generator(
        str(converted), compute_type=compute_type, inter_threads=1, intra_threads=threads[0]
    )
    vocabulary = json.loads(pathlib.Path(folder, "vocab.json").read_text())
    pieces = {i: piece for piece, i in vocabulary.items()}
    batch = [[pieces[i] for i in row] for row in prompts_of(folder, rows)[1]]

    def call():
        return runtime.generate_batch(
            batch, beam_size=1, max_length=NEW_TOKENS, include_prompt_in_result=False
        )

    ids = [list(result.sequences_ids[0]) for result in call()]
    return Contestant(call, {"ids": ids, "compute_type": runtime.compute_type})


def product(library, rows, shape, threads):
    """Rows times a matrix far larger than any processor's cache: what `library` reads a second.

    The call makes `facts["products"]` products; a product reads `facts["bytes"]`.
    """
    build = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}[library]
    run = build(rows, shape, threads)
    products = 5

    def call():
        for _ in range(products):
            run()

    return Contestant(call, {"products": products, "bytes": 4 * shape[0] * shape[1]})


def _by_tensorflow(rows, shape, threads):
    import tensorflow as tf

    set_threads(threads)
    matrix, left = tf.Variable(tf.random.normal(shape)), tf.ones((rows, shape[0]))
    multiply = tf.function(lambda: tf.matmul(left, matrix))
    return lambda: multiply().numpy()


def _by_jax(rows, shape, threads):
    import jax

    matrix = jax.random.normal(jax.random.key(0), shape)
    left = jax.numpy.ones((rows, shape[0]))
    multiply = jax.jit(jax.numpy.matmul)
    return lambda: multiply(left, matrix).block_until_ready()


def _by_torch(rows, shape, threads):
    import torch

    torch.set_num_threads(threads[0])
    matrix, left = torch.randn(shape), torch.ones((rows, shape[0]))
    return lambda: left @ matrix


def set_threads(threads):
    """TensorFlow's, (within an operation, between operations)."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads[0])
    tf.config.threading.set_inter_op_parallelism_threads(threads[1])
