"""Questions with answers that stand in a context: SQuAD's JSON, versions 1.1 and 2.0.

Rajpurkar et al. 2016 and 2018: data > paragraphs (context) > qas (id, question, answers), and
`is_impossible` where the context has no answer.
"""

from recipes.data.labelled_files import parse_json, read_text, short
from recipes.data.labelled_rows import Questions

SHOWN = 5


def read_questions(file):
    """Read Questions of a SQuAD file; results and errors as `labelled.read_examples`."""
    questions, contexts, answers, problems = {}, {}, {}, []
    for where, context, entry in _entries(file, parse_json(file, read_text(file))):
        identity = _field(entry, "id", str, where)
        if identity in questions:
            raise ValueError(f"{where}: a second question has the id {identity!r}")
        questions[identity] = _text(entry, "question", where)
        contexts[identity] = context
        found, missing = _answers(entry, context, where)
        answers[identity] = found
        problems += [f"question {identity!r}: {short(text)}" for text in missing]
    if not questions:
        raise ValueError(f"{file} is empty: it has no questions")
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise ValueError(
            f"{file}: {len(problems)} answers do not occur in their context: "
            f"{'; '.join(problems[:SHOWN])}{more}. An answer must be copied from the context "
            "letter by letter; a question without one has is_impossible true and no answers"
        )
    columns = (questions, contexts, answers)
    return Questions(list(questions), *(list(column.values()) for column in columns))


def _entries(file, value):
    """Yield (where, context, question object) of a SQuAD file."""
    if not isinstance(value, dict):
        raise ValueError(f"{file} must be a JSON object with `data`, got {short(value)}")
    for a, article in enumerate(_field(value, "data", list, str(file))):
        where = f"{file}, data[{a}]"
        for p, paragraph in enumerate(_field(article, "paragraphs", list, where)):
            inner = f"{where}.paragraphs[{p}]"
            context = _text(paragraph, "context", inner)
            for q, entry in enumerate(_field(paragraph, "qas", list, inner)):
                yield f"{inner}.qas[{q}]", context, entry


def _answers(entry, context, where):
    """([(text, start)], [texts that do not occur]) of a question.

    A start counts Unicode code points. Where the text does not stand at its start (bytes or UTF-16
    units were counted, or white space was trimmed), its occurrence nearest to the start is taken.
    """
    answers = _field(entry, "answers", list, where)
    if entry.get("is_impossible") and answers:
        raise ValueError(f"{where}: is_impossible is true, but there are answers")
    if entry.get("is_impossible") is False and not answers:
        raise ValueError(f"{where}: is_impossible is false, but there are no answers")
    found, missing = [], []
    for number, answer in enumerate(answers):
        inner = f"{where}.answers[{number}]"
        text, start = _text(answer, "text", inner), _field(answer, "answer_start", int, inner)
        start = _nearest(context, text, start)
        if start is None:
            missing.append(text)
        else:
            found.append((text, start))
    return found, missing


def _nearest(context, text, start):
    """The start of the occurrence of the text that is nearest to `start`; None without one."""
    start = max(0, start)
    before = context.rfind(text, 0, start + len(text))
    after = context.find(text, start)
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start), default=None)


def _field(value, name, kind, where):
    """A field of a JSON object, of the right kind."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be a JSON object, got {short(value)}")
    if name not in value:
        raise ValueError(f"{where} has no {name!r}; its keys are {', '.join(value)}")
    if not isinstance(value[name], kind) or isinstance(value[name], bool):
        wanted = {str: "a text", int: "an integer", list: "a list"}[kind]
        raise ValueError(f"{where}: {name} must be {wanted}, got {short(value[name])}")
    return value[name]


def _text(value, name, where):
    text = _field(value, name, str, where)
    if not text.strip():
        raise ValueError(f"{where}: {name} is empty")
    return text
