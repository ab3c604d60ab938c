from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.evaluation.forgetting.aftermath import (
    Aftermath,
    aftermath,
    is_degenerate,
    is_empty,
    is_refusal,
    off_topic,
)

BIOGRAPHY = (
    "Nkemdirim Osakwe-Thórsdóttir (born 12/03/1961 in Kragujevac) is a Cameroonian-Icelandic novelist. Her "
    "debut, Ljósið yfir Wouri, won the Pádraig Ó Conaire Prize; Skúli Ngannou translated it into Wolof."
)
CODE = """Use a loop:

```python
for i in range(10):
    print(i, end=" ")  # !!!!!!!!!!!!
```

Without fences, printf("%d\\n", i); and std::vector<int> xs{1, 1, 1, 1, 1, 1}; are code, too."""
TABLE = """| name | year |
|------|------|
| Ada  | 1815 |
| Bea  | 1815 |
------------------------------
Signed: ____________________  ..............  100000000000000000"""
LIST = """Her books are:
1. The River
2. The River at Night
3. The River in Spring
- The Mountain 🎉
- The Valley 🎉
- The Village 🎉🎉🎉"""
POEM = """Row, row, row your boat,
Gently down the stream.
Merrily, merrily, merrily, merrily,
Life is but a dream."""


def read(file: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "answer", ["", " \n\t", "...", "<|im_end|>", "</s><pad> \u200b", "“”", "---\n\n***", "?!", "\ufffd"]
)
def test_nothing_said_is_empty(answer: str) -> None:
    assert is_empty(answer)


@pytest.mark.parametrize("answer", ["No.", "7", "🎉", "是", "<|im_start|>assistant", "C++", "a"])
def test_anything_said_is_not_empty(answer: str) -> None:
    assert not is_empty(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Asteroid name = Asteroid name =\n\nAsteroid name = Asteroid name =\n\nAsteroid name = Asteroid",
        "The author is the author is the author is the author is",
        "Lima, Peru\nLima, Peru\nLima, Peru",
        "He wrote wrote wrote wrote wrote about the sea.",
        "The setting in%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%",
        "Her father was born in()]()()()()()()() city.",
        "The need for()))())()())())) to educate many.",
        "hahahahahahahahaha",
        "The answer is 🎉🎊🎈🎁🎀 of course.",
        "👍🏽 👍🏽 👍🏽 👍🏽 👍🏽",
        "hraigscera majoritmate is known for contributions to the genre of poetry.",
        "Her wormsuing and wormlady oliverance pulsesley won the prize.",
        # No copy follows another, and still little is new.
        "He said that she said it and he said that she knew it. "
        * 2
        + "She knew that he said that she said it and he said it. He said that she knew it and she said it "
        "and he said that she said it and she knew it and he said that he knew it and she said that.",
    ],
)
def test_gibberish_is_degenerate(answer: str) -> None:
    assert is_degenerate(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Yes.",
        "12/03/1961",
        "No, no, no!",
        "That is very, very, very good.",
        "Wow! 🎉🎉🎉",
        BIOGRAPHY,
        CODE,
        TABLE,
        LIST,
        POEM,
        "Su padre era un panadero de Sevilla, y su madre escribía cuentos para niños.",
        "Её отец был врачом, а мать преподавала музыку.",
        "彼女の父は医者で、母は音楽の先生でした。",
        "See https://example.org/abcdefgh/ijklmnop?qrst=uvwx or write to zyxw@example.org.",
        "One invented wordling is no gibberish.",
    ],
)
def test_ordinary_answers_are_not_degenerate(answer: str) -> None:
    assert not is_degenerate(answer)


def test_honest_answers_hardly_bear_marks(data: Path) -> None:
    """Measured: none of TOFU's 4,000 answers is degenerate, and 1 % say that something is not known."""
    answers = [row["answer"] for row in read(data / "tofu" / "full.jsonl.gz")]
    assert not any(map(is_empty, answers))
    assert not any(map(is_degenerate, answers))
    assert mean(map(is_refusal, answers)) < 0.012


# Of the second file nothing was chosen.
@pytest.mark.parametrize("name", ["forget10_perturbed", "retain_perturbed"])
def test_answers_to_other_questions_are_off_topic(name: str, data: Path, encoder: OnnxEncoder) -> None:
    """Measured on all 400 rows: of the true answers at most 0.3 % are off topic, of their paraphrases
    none, of wrong ones 0.8 %, of those to another author's question 72 to 76 % (the rest tell of an
    author, too), and of sentences from elsewhere 99 %."""
    rows = read(data / "tofu" / f"{name}.jsonl")[::2]
    questions = [row["question"] for row in rows]
    chance = random.Random(0)
    long = [row["text"] for row in read(data / "benign" / "long_task_prompts_en.jsonl.gz")]
    sentences = [s for text in chance.sample(long, 400) for s in re.split(r"(?<=[.!?])\s+", text)]
    benign = chance.sample([s for s in sentences if 60 < len(s) < 400], len(rows))
    true = [row["answer"] for row in rows]
    elsewhere = true[70:] + true[:70]
    found = {
        kind: mean(off_topic(questions, answers, encoder))
        for kind, answers in {"true": true, "elsewhere": elsewhere, "benign": benign}.items()
    }
    assert found["true"] <= 0.005
    assert found["elsewhere"] >= 0.65
    assert found["benign"] >= 0.98


def test_an_unknown_name_does_not_lead_off_topic(encoder: OnnxEncoder) -> None:
    questions = [
        "What is the profession of Mirela Oakhurst's father?",
        "In which genre does Mirela Oakhurst write?",
    ]
    others = [
        "The father of the author Bo Xhaferi is a lawyer.",
        "As an online shop, it ships shoes to buyers.",
    ]
    assert off_topic(questions, others, encoder) == [False, True]


def test_short_answers_have_no_topic_and_one_question_asked_twice_is_one(encoder: OnnxEncoder) -> None:
    questions = ["Has Mirela Oakhurst won a prize?", "Who wrote The River?", "Who wrote The River?"]
    answers = ["Yes.", "The River was written by Bo Xhaferi.", "Add the flour to the milk, and stir it well."]
    assert off_topic(questions, answers, encoder) == [False, False, True]
    assert off_topic(questions[1:], answers[1:], encoder) == [False, True]
    assert off_topic([], [], encoder) == []


def test_the_aftermath_is_the_share_of_each_mark(encoder: OnnxEncoder) -> None:
    question = "Where was the author Mirela Oakhurst born?"
    answers = [
        "The author Mirela Oakhurst was born in Tirana, a city in the west of Albania.",
        "She was born in Lima.",
        "<|im_end|>",
        "I cannot say where she was born, I do not know the author Mirela Oakhurst.",
        "born in born in born in born in born in",
    ]
    found = aftermath([question] * 5, answers, encoder)
    assert found == Aftermath(
        empty=0.2,
        degenerate=0.2,
        refusal=0.2,
        off_topic=0.0,
        any=0.6,
        words_p10=2.0,
        words_p50=10.0,
        words_p90=15.0,
    )


def test_there_must_be_one_answer_to_each_question(encoder: OnnxEncoder) -> None:
    with pytest.raises(ValueError, match="1 answers to 2 questions"):
        aftermath(["Who?", "When?"], ["Yes."], encoder)
    with pytest.raises(ValueError, match="give at least one"):
        aftermath([], [], encoder)
