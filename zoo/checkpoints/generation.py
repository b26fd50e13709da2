"""How a Hugging Face folder wants its model to generate."""

import dataclasses
import json
from pathlib import Path

from zoo.checkpoints.safetensors_folder import CONFIG_FILE, read_json

_FILE = "generation_config.json"

# Settings that would change what is generated and that are not supported: the values that do not.
_INERT = {
    "do_sample": (False,),
    "min_length": (0,),
    "min_new_tokens": (),
    "repetition_penalty": (1.0,),
    "encoder_repetition_penalty": (1.0,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "num_beam_groups": (1,),
    "diversity_penalty": (0.0,),
    "penalty_alpha": (0.0,),
    "forced_bos_token_id": (),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
    "sequence_bias": ({},),
    "exponential_decay_length_penalty": (),
    "stop_strings": (),
    "remove_invalid_values": (False,),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """What `generate` of the transformers library does by default for a folder.

    Attributes:
        num_beams: K of beam search; 1 is greedy search.
        max_length: most tokens of a target, the start token included.
        length_penalty: exponent of `zoo.decoding.LengthPenalty`.
        early_stopping: False, True or "never", when beam search stops.
        never_ids: ids that are never generated; OPUS-MT names padding.
        forced_end_id: id that a target which reaches max_length ends in, whatever it costs; None:
            it is cut.
        renormalize: whether the probabilities of what is left after `never_ids` sum to one again.
    """

    num_beams: int = 1
    max_length: int = 20
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    never_ids: tuple[int, ...] = ()
    forced_end_id: int | None = None
    renormalize: bool = False

    @classmethod
    def read(cls, folder):
        """Read `generation_config.json`, or of an older folder `config.json`.

        Raises:
            ValueError: a setting is not supported; the message names it.
        """
        file = _FILE if (Path(folder) / _FILE).is_file() else CONFIG_FILE
        given = {k: v for k, v in read_json(folder, file).items() if v is not None}
        for name, inert in _INERT.items():
            if name in given and given[name] not in inert:
                raise ValueError(f"{file}: {name} is not supported; got {given[name]!r}")
        end = given.get("forced_eos_token_id")
        if isinstance(end, list):
            raise ValueError(f"{file}: forced_eos_token_id must be one id; got {end!r}")
        same = ("num_beams", "length_penalty", "early_stopping")
        settings = {name: given[name] for name in same if name in given}
        if "max_length" in given:
            settings["max_length"] = given["max_length"]
        if "max_new_tokens" in given:  # it counts without the start token, and it wins
            settings["max_length"] = given["max_new_tokens"] + 1
        return cls(
            **settings,
            never_ids=_single_ids(given.get("bad_words_ids", ()), file),
            forced_end_id=end,
            renormalize=given.get("renormalize_logits", False),
        )

    def to_json(self, pad_id, start_id, end_id):
        """What `generation_config.json` holds: a dict of JSON values."""
        settings = {
            "decoder_start_token_id": start_id,
            "eos_token_id": end_id,
            "pad_token_id": pad_id,
            "num_beams": self.num_beams,
            "max_length": self.max_length,
            "length_penalty": self.length_penalty,
            "early_stopping": self.early_stopping,
            "renormalize_logits": self.renormalize,
        }
        if self.never_ids:
            settings["bad_words_ids"] = [[token] for token in self.never_ids]
        if self.forced_end_id is not None:
            settings["forced_eos_token_id"] = self.forced_end_id
        if self.num_beams == 1:  # transformers warns of settings that only beams read
            del settings["length_penalty"], settings["early_stopping"]
        return settings


def end_ids(folder):
    """The ids that end a text of a folder's model, a tuple: Llama 3 has several; () where nothing
    is said of them, as beside an original GPT-2.

    Raises:
        ValueError: a file is damaged.
    """
    for name in (_FILE, CONFIG_FILE):
        if (Path(folder) / name).is_file():
            found = read_json(folder, name).get("eos_token_id")
            if found is not None:
                return tuple(found) if isinstance(found, list) else (found,)
    return ()


def write_end_ids(folder, ids):
    """Write what `end_ids` reads, a `generation_config.json`, into an existing folder."""
    text = json.dumps({"eos_token_id": list(ids)}, indent=2) + "\n"
    (Path(folder) / _FILE).write_text(text, encoding="utf-8")


def _single_ids(words, file):
    longer = [word for word in words if len(word) != 1]
    if longer:
        raise ValueError(f"{file}: bad_words_ids must be single ids; got {longer[0]!r}")
    return tuple(word[0] for word in words)
