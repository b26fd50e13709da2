"""Folders with the tokenizer files of a Marian model, made on the spot."""

import io

import sentencepiece

from zoo.text import MarianFiles

ENGLISH = [f"The quick brown fox {i} jumps over {7 * i} dogs, and says: hi!" for i in range(90)]
GERMAN = [f"Der schnelle Fuchs {i} springt über {7 * i} Hunde; er sagt: »ach«!" for i in range(90)]


def train(lines, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        **{"vocab_size": 61, "model_type": "unigram", "eos_id": 0, "unk_id": 1, **options},
        bos_id=-1,
        pad_id=-1,
        minloglevel=2,
    )
    return model.getvalue()


def numbered(*groups):
    ids = {}
    for piece in ("</s>", "<unk>", *(piece for group in groups for piece in group)):
        ids.setdefault(piece, len(ids))
    return ids


def pieces_of(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


def write_folder(folder, separate=False, settings=None, **options):
    source, target = train(ENGLISH, **options), train(GERMAN, **options)
    # A few pieces stay out of the map, so that pieces without an id occur.
    known, known_target = pieces_of(source)[:-7], pieces_of(target)[:-5]
    codes = [">>deu<<", ">>fra<<"]
    if separate:
        vocabulary = numbered(known, codes, ["<pad>"])
        target_vocabulary = numbered(known_target)
        target_vocabulary["<pad>"] = vocabulary["<pad>"]
    else:
        vocabulary, target_vocabulary = numbered(known, known_target, codes, ["<pad>"]), None
    settings = {"source_lang": "en", "target_lang": "de", **(settings or {})}
    settings["separate_vocabs"] = separate
    folder.mkdir()
    MarianFiles(source, target, vocabulary, target_vocabulary, settings).write(folder)
    return folder
