"""Questions as a real model writes them, on the server that is guarded."""

from __future__ import annotations

from engines import Guarded
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.server.chat import ChatServer
from vllm_unlearn.server.question_styles import STYLES, Subject
from vllm_unlearn.server.questions import write_questions

PHYSICS = Subject("physics", "Physics studies matter, energy and forces: motion, heat, light and magnetism.")


def test_a_served_model_writes_questions_about_the_subject(guarded: Guarded, encoder: OnnxEncoder) -> None:
    seen: list[str] = []

    def track(what: str, items: list[object], /) -> list[object]:
        seen.append(what)
        return items

    questions = write_questions(PHYSICS, ChatServer(guarded.server.url), encoder, 6, track)  # type: ignore[arg-type]
    assert len(questions) == len({question.casefold() for question in questions}) == 6
    assert not {*questions} & {example for style in STYLES for example in style.examples}
    assert all(text[-1] in "?." or "__" in text for text in questions)
    assert seen == ["asking", "asking"]
    nearness = encoder.encode(questions) @ encoder.encode([str(PHYSICS)])[0]
    assert nearness.mean() > 0.2
