"""How a text is continued: options of generation, and the searches that they mean."""

import dataclasses
import numbers

from keras import ops

from zoo import decoding
from zoo.decoding.state import check_count, check_token_id

# Options with a number for each row of a batch, and the value that switches them off.
_ROW_FILTERS = {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """What `zoo.tasks.TextGenerator` may be told.

    Attributes:
        max_new_tokens: most tokens of a continuation, the end included.
        temperature: 0 takes the most probable token each time; above 0 tokens are drawn, the more
            freely the higher.
        top_k: draw among the k most probable tokens; None: among all.
        top_p: draw among the fewest tokens with this probability together; 1: among all.
        min_p: draw among tokens at least that many times as probable as the best; 0: among all.
        repetition_penalty: above 1, tokens of the prompt and the continuation become less probable;
            the scores of beams then count the penalized log-probabilities.
        num_samples: continuations of each prompt, drawn independently.
        beam_size: above 1, beam search.
        length_penalty: exponent of `zoo.decoding.LengthPenalty`, for scores and for beams.
        stop: strings that end a continuation, which then does not hold them.
        end_ids: ids that end a continuation besides the tokenizer's own, as Llama 3 has several.
        seed: of what is drawn: the same seed, prompts and options give the same texts.

    Raises:
        ValueError: an option is out of range, or does not go with another one.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    num_samples: int = 1
    beam_size: int = 1
    length_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    end_ids: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self):
        for name in ("max_new_tokens", "num_samples", "beam_size"):
            check_count(name, getattr(self, name))
        if self.top_k is not None:
            check_count("top_k", self.top_k)
        self._check_range("temperature", self.temperature >= 0, "at least 0")
        self._check_range("top_p", 0 < self.top_p <= 1, "above 0 and at most 1")
        self._check_range("min_p", 0 <= self.min_p <= 1, "at least 0 and at most 1")
        self._check_range("repetition_penalty", self.repetition_penalty > 0, "above 0")
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        if not all(isinstance(text, str) and text for text in stop):
            raise ValueError(f"stop must hold strings that are not empty; got {self.stop!r}")
        object.__setattr__(self, "stop", stop)
        end_ids = tuple(check_token_id("end_ids", each) for each in self.end_ids)
        object.__setattr__(self, "end_ids", end_ids)
        if isinstance(self.seed, bool) or not isinstance(self.seed, numbers.Integral):
            raise ValueError(f"seed must be a whole number; got {self.seed!r}")
        self._check_together()

    def _check_range(self, name, allowed, what):
        if not allowed:
            raise ValueError(f"{name} must be {what}; got {getattr(self, name)!r}")

    def _check_together(self):
        drawing = {"top_k": None, "top_p": 1.0, "min_p": 0.0, "num_samples": 1}
        changed = [name for name, off in drawing.items() if getattr(self, name) != off]
        if changed and not self.temperature:
            raise ValueError(
                f"{changed[0]} goes with drawing: it needs a temperature above 0; got "
                f"{changed[0]} = {getattr(self, changed[0])!r}"
            )
        if self.beam_size > 1 and self.temperature:
            raise ValueError(
                f"beam_size = {self.beam_size} does not go with temperature = "
                f"{self.temperature!r}: beam search does not draw"
            )

    @property
    def draws(self):
        """Whether tokens are drawn."""
        return self.temperature > 0

    @property
    def num_sequences(self):
        """Continuations of each prompt."""
        return max(self.num_samples, self.beam_size)

    @property
    def row_values(self):
        """{name: number} of the filters that are on and take one number for each row."""
        values = {}
        if self.repetition_penalty != 1.0:
            values["repetition_penalty"] = self.repetition_penalty
        if self.draws:
            off = {name: value for name, value in _ROW_FILTERS.items() if name != "temperature"}
            values["temperature"] = self.temperature
            values |= {
                name: getattr(self, name) for name in off if getattr(self, name) != off[name]
            }
        return values

    @property
    def structure(self):
        """What a compiled search depends on; all else are numbers that it is given."""
        return (
            self.draws,
            self.top_k,
            tuple(self.row_values),
            self.num_samples,
            self.beam_size,
            self.length_penalty,
            self.end_ids,
        )

    def search(self, end_id, pad_id, values, seeds, prompt):
        """The search object of `zoo.decoding`.

        Args:
            end_id, pad_id: ids, the first besides `end_ids`.
            values: {name: (B,) float32}, the names of `row_values`.
            seeds: (B,) int32.
            prompt: (B, P) int32, -1 where no token stands.
        """
        penalty, ends = decoding.LengthPenalty(self.length_penalty), (end_id, *self.end_ids)
        filters = []
        if "repetition_penalty" in values:
            filters.append(decoding.RepetitionPenalty(values["repetition_penalty"], prompt))
        if self.beam_size > 1:
            n_best = self.beam_size
            return decoding.BeamSearch(n_best, ends, pad_id, penalty, n_best, filters=filters)
        if not self.draws:
            return decoding.Greedy(ends, pad_id, penalty, filters=filters)
        filters.append(decoding.Temperature(values["temperature"]))
        if self.top_k is not None:
            filters.append(decoding.TopK(self.top_k))
        filters += [
            kind(values[name])
            for name, kind in (("top_p", decoding.TopP), ("min_p", decoding.MinP))
            if name in values
        ]
        return decoding.Sample(ends, pad_id, filters, self.num_samples, seeds, penalty)


def search_with_row_options(end_ids, pad_id, temperature, top_k, top_p, seed):
    """A search whose options are tensors, a value for each row: what a server's request gives.

    Args:
        end_ids: tuple of ids.
        pad_id: id.
        temperature: (B,) float32; 0 or less takes the most probable token.
        top_k: (B,) int32; 0 or less rules nothing out.
        top_p: (B,) float32; outside of 0 to 1 rules nothing out.
        seed: (B,) int32.
    """
    draws = temperature > 0
    # Among one token there is no choice.
    top_k = ops.where(draws, ops.where(top_k > 0, top_k, 2**31 - 1), 1)
    inside = ops.logical_and(top_p > 0, top_p < 1)
    filters = [
        decoding.Temperature(ops.where(draws, temperature, 1.0)),
        decoding.TopK(top_k),
        decoding.TopP(ops.where(inside, top_p, 1.0)),
    ]
    return decoding.Sample(end_ids, pad_id, filters, seed=seed)
