"""Steps of the tour: GPT, BERT, ChatGPT, and pictures and sounds."""

import itertools

import numpy as np
from keras import ops

from recipes.tour.attention import SENTENCE
from zoo import models, text
from zoo.layers import AddAndNorm, EncoderBlock, FeedForward, MultiHeadAttention
from zoo.visual import draw_curves, draw_mask, draw_matrices

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def gpt(guide):
    """GPT: the decoder alone, in stacks of 12 to 96."""
    guide.say("""Leave out the encoder and cross-attention, and what remains continues texts: a
        GPT learns to say the next word of any text, by causal attention alone. GPT-3 stacks 96
        of these blocks. How large that is can be computed without building it:""")
    sizes = {"gpt2": None, "gpt3-175b": None}
    for size in sizes:
        config = models.GPTConfig.from_size(size)
        sizes[size] = models.footprint(config)
        guide.show(
            f"{size}: {config.num_layers} blocks of {config.num_heads} heads, "
            f"D = {config.hidden_dim:,}, {sizes[size].parameters:,} parameters"
        )
    guide.show(*str(sizes["gpt3-175b"]).splitlines())
    draw_mask(SENTENCE, file=guide.picture("sees-what-is-before"))
    guide.notice("""the weights alone do not fit on one accelerator, and training needs four
        times that. A small GPT learns on a laptop: python -m recipes.gpt_pretrain train""")


def bert(guide):
    """BERT: the encoder alone, learning from gaps; then fine-tuned."""
    sentence = "she turned on the light because the room was dark and the bag was light"
    tokenizer = text.WordPieceTokenizer([*SPECIAL, *dict.fromkeys(sentence.split())])
    ids = tokenizer.encode_batch([sentence]).token_ids
    masking = text.TokenMasking.of(tokenizer)
    masked = masking(np.repeat(ids, 3, axis=0), (0, 0, 0))
    guide.say("""Leave out the decoder, and what remains reads in both directions. It cannot
        learn to say the next word, which it sees; so words are hidden and it says those: 15 %,
        most of them replaced by [MASK], some by another word, some left as they are.""")
    for row, places, used in zip(masked.token_ids, masked.positions, masked.used, strict=True):
        guide.show(
            " ".join(tokenizer.spell(row)),
            f"  to say: {', '.join(tokenizer.spell(ids[0][places[used]]))}",
        )
    draw_mask(SENTENCE, np.ones((5, 5)), guide.picture("sees-both-sides"))
    guide.notice("""the mask of a BERT is blue everywhere. To fine-tune one, a small head is put
        on top and all is trained on for a few minutes: python -m recipes.bert_finetune all""")


def chatgpt(guide):
    """ChatGPT: demonstrations, comparisons, and reinforcement learning."""
    guide.say("""A GPT continues texts; to make it answer takes three steps ("Training language
        models to follow instructions", Ouyang et al. 2022). Step 1: people write answers to
        prompts, and the GPT is fine-tuned on them. Step 2: it writes several answers, people
        rank them, and a reward model learns to give the better one more. Step 3: the GPT is
        trained by reinforcement learning (PPO) to write what the reward model likes, not too far
        from where it started.""")
    pairs = [f"{better} > {worse}" for better, worse in itertools.combinations("DCAB", 2)]
    guide.show(f"the ranking D > C > A > B gives {len(pairs)} pairs: {', '.join(pairs)}")
    margins = np.linspace(-4, 4, 81)
    ratios = np.linspace(0, 2, 81)
    clipped = {
        name: (ratios, np.minimum(ratios * gain, np.clip(ratios, 0.8, 1.2) * gain))
        for name, gain in (("better than expected", 1.0), ("worse than expected", -1.0))
    }
    loss = {"loss of a pair": {"": (margins, np.log1p(np.exp(-margins)))}}
    draw_curves(loss, guide.picture("reward-model"), "reward of the better less that of the worse")
    gain = {"what PPO gains": clipped}
    draw_curves(gain, guide.picture("ppo"), "new probability of an answer / old")
    guide.notice("""the reward model is pushed only where it is wrong or unsure; PPO gains
        nothing by moving an answer's probability beyond 1.2 times what it was. The three steps,
        small:""")
    guide.show(
        "python -m recipes.chat_sft --help     # step 1: a supervised policy",
        "python -m recipes.chat_reward --help  # step 2: a reward model from comparisons",
        "python -m recipes.chat_ppo --help     # step 3: PPO against the reward model",
        "python -m recipes.chat_dpo --help     # steps 2 and 3 in one, without a reward model",
        "python -m recipes.chat --help         # talk to it",
    )


def elsewhere(guide):
    """One architecture for pictures and speech too."""
    y, x = np.mgrid[0:32, 0:32]
    image = ((x - 16) ** 2 + (y - 16) ** 2 < 100).astype("float32")  # a disc
    patches = image.reshape(4, 8, 4, 8).transpose(0, 2, 1, 3).reshape(16, 64)
    time = np.arange(1600) / 16000
    sound = np.sin(2 * np.pi * 440 * time).astype("float32")
    frames = sound.reshape(20, 80)
    block = EncoderBlock(MultiHeadAttention(4), FeedForward(128), AddAndNorm("post"))
    guide.say("""Once there were networks for each kind of data: convolutional ones for pictures,
        recurrent ones for language and speech. The Transformer takes whatever is a row of
        vectors. A picture is a row of patches, a sound a row of frames, and the block is the
        same.""")
    for name, rows in (("picture of 32 x 32", patches), ("tenth of a second of sound", frames)):
        padded = np.pad(rows, ((0, 0), (0, 80 - rows.shape[1])))[None]
        result = ops.convert_to_numpy(block(padded))
        guide.show(f"{name}: {rows.shape[0]} vectors of {rows.shape[1]} -> block {result.shape}")
    panels = {
        "a picture": (image, (), ()),
        "its patches, a row each": (patches, (), ()),
    }
    title = "A picture as a sentence of patches"
    draw_matrices(panels, title, guide.picture("patches"), written=False)
    guide.notice("nothing in the block knows what the vectors stand for.")
