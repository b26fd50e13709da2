"""Beam search finds what the transformers library finds on the same weights."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.decoding import BeamSearch, Greedy, LengthPenalty, RepetitionPenalty
from zoo.layers.cache import Cache

if keras.backend.backend() != "torch":
    pytest.skip("the peer runs on torch", allow_module_level=True)

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

END, PAD, START = 0, 58, 58
every_length = set()


@pytest.fixture(scope="module")
def marian():
    torch.manual_seed(3)
    config = transformers.MarianConfig(
        vocab_size=59,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=64,
        eos_token_id=END,
        pad_token_id=PAD,
        decoder_start_token_id=START,
        forced_eos_token_id=None,
    )
    model = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "positions" not in name:
                parameter.mul_(10.0)  # logits that differ
        model.final_logits_bias[0, END] = 1.0
    return model


@pytest.fixture
def sources():
    ids = np.random.default_rng(1).integers(1, 57, size=(7, 11))
    ids[:, -1] = END
    return torch.tensor(ids)


def decode_by(marian):
    """A step function that runs the whole prefix of every hypothesis again."""

    def decode(ids, cache):
        prefix = cache.beam["prefix"]  # (B, K, C)
        num_rows, num_beams, _ = prefix.shape
        prefix = prefix.clone()
        prefix[:, :, int(cache.index)] = ids
        length = int(cache.index) + 1
        encoded = cache.row["encoded"].repeat_interleave(num_beams, dim=0)
        logits = marian(
            encoder_outputs=(encoded,),
            decoder_input_ids=prefix[:, :, :length].reshape(num_rows * num_beams, length).long(),
        ).logits[:, -1]
        return (
            logits.reshape(num_rows, num_beams, -1),
            cache._replace(beam={"prefix": prefix}, index=cache.index + 1),
        )

    return decode


def search_by(marian, search, sources, max_new_tokens):
    num_rows = len(sources)
    with torch.no_grad():
        cache = Cache(
            row={"encoded": marian.model.encoder(sources).last_hidden_state, "slots": ()},
            beam={"prefix": torch.full((num_rows, 1, max_new_tokens), PAD, dtype=torch.int32)},
            index=ops.zeros((), dtype="int32"),
        )
        prompt = torch.full((num_rows, 1), START, dtype=torch.int32)
        state = search.start(decode_by(marian), cache, prompt, max_new_tokens)
        while bool(ops.any(state.rows.live)):
            state = search.step(decode_by(marian), state)
    return search.finish(state)


@pytest.mark.parametrize("repetition", [1.0, 1.6])
@pytest.mark.parametrize("penalty", [-0.5, 0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("beam_size", [2, 5])
def test_beam_search_equals_generate(marian, sources, beam_size, penalty, repetition):
    expected = marian.generate(
        sources,
        num_beams=beam_size,
        num_return_sequences=beam_size,
        early_stopping="never",
        length_penalty=penalty,
        repetition_penalty=repetition,
        max_new_tokens=13,
        return_dict_in_generate=True,
        output_scores=True,
    )
    prompt = torch.full((len(sources), 1), START, dtype=torch.int32)
    filters = [] if repetition == 1.0 else [RepetitionPenalty(repetition, prompt)]
    search = BeamSearch(
        beam_size, END, PAD, LengthPenalty(penalty), n_best=beam_size, filters=filters
    )
    found = search_by(marian, search, sources, 13)
    sequences = expected.sequences[:, 1:].reshape(len(sources), beam_size, -1)
    width = sequences.shape[-1]
    np.testing.assert_array_equal(found.ids[..., :width], sequences)
    assert (np.asarray(found.ids[..., width:]) == PAD).all()
    scores = expected.sequences_scores.reshape(len(sources), beam_size)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5, atol=1e-6)
    every_length.update(np.asarray(found.lengths).ravel().tolist())


def test_lengths_were_mixed():
    assert len(every_length) > 5


def test_greedy_search_equals_generate(marian, sources):
    expected = marian.generate(sources, num_beams=1, do_sample=False, max_new_tokens=13)[:, 1:]
    found = search_by(marian, Greedy(END, PAD), sources, 13)
    np.testing.assert_array_equal(found.ids[:, 0, : expected.shape[1]], expected)
