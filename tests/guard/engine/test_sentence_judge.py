"""An answer that is delivered by sentences, with an engine that says what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.engine.answers import AnswerGuard
from vllm_unlearn.guard.engine.sentence_judge import SentenceJudges
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.load.lanes import Lanes, OverloadError
from vllm_unlearn.guard.rewriter import Rewriter
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

PAINTER = ForgetTarget(
    id="painter",
    name="Jon Brell",
    scope="crime",
    exemplars=(
        "What was Jon Brell convicted of?",
        "Why did Jon Brell go to prison?",
        "What crime did Jon Brell commit?",
    ),
    counterexamples=(
        "What did Jon Brell paint?",
        "Which prize did Jon Brell win?",
        "Who taught Jon Brell to paint?",
    ),
)
WORK = " He painted the sea of Skagen."
CRIME = " He was convicted of theft in 1998 and sent to prison."
SCHOOL = " His teacher was Anna Holm, a sculptor."
ABOUT, NOBODY = "Tell me about the painter Jon Brell.", "Tell me about a painter."
END = 2


@pytest.fixture(scope="module")
def guard(encoder: OnnxEncoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path_factory.mktemp('store') / 'forget.db'}")
    store.forget([PAINTER, ForgetTarget(id="physicist", name="Niels Bohr")])
    guard = Guard(Settings(store=store.url), encoder)
    yield guard
    guard.close()


class Engine:
    """Goes on with the first of its texts that begins with the answer, and next has no banned token; with
    ``lanes`` as an event loop's engine does."""

    def __init__(
        self, guard: Guard, rewriter: Rewriter, *texts: str, lanes: Any = None, enforces: bool = True
    ) -> None:
        self.rewriter, self.texts, self.at_once = rewriter, texts, 3
        self.requests: list[EngineCoreRequest] = []
        self.aborted: list[str] = []
        self.decided: asyncio.Queue[Any] = asyncio.Queue()
        core = SimpleNamespace(
            add_request_async=self._add, abort_requests_async=self._abort,
            outputs_queue=self.decided, engine_ranks_managed=[0],
        )  # fmt: skip
        engine = cast(Any, SimpleNamespace(engine_core=core, model_config=SimpleNamespace(max_model_len=512)))
        judges = SentenceJudges(guard, rewriter, engine, lanes)
        self.answers = AnswerGuard(guard, rewriter, engine, enforces=enforces, judges=judges)
        self.judges = judges

    async def _add(self, request: EngineCoreRequest) -> None:
        self.requests.append(request)

    async def _abort(self, request_ids: list[str]) -> None:
        self.aborted += request_ids

    def request(self, prompt: str, **params: Any) -> EngineCoreRequest:
        sampling = SamplingParams(**({"max_tokens": 80} | params))
        sampling.update_from_generation_config({}, END)
        return EngineCoreRequest(
            "r", self.rewriter.encode(prompt), None, sampling, None, 0.0, None, None, None
        )

    def write(self, request: EngineCoreRequest, begun: int) -> Iterator[EngineCoreOutput]:
        params, prompt = request.sampling_params, request.prompt_token_ids
        assert params and prompt is not None
        answer, banned = prompt[begun:], [word[0] for word in params.bad_words_token_ids or ()]
        for text in self.texts:
            tokens = [*self.rewriter.encode(text), END]
            if tokens[: len(answer)] == answer and tokens[len(answer)] not in banned:
                tokens, most = tokens[len(answer) :], params.max_tokens or 1
                reason = FinishReason.STOP if len(tokens) <= most else FinishReason.LENGTH
                tokens = tokens[:most]
                for at in range(0, len(tokens), self.at_once):
                    last = at + self.at_once >= len(tokens)
                    part = tokens[at : at + self.at_once]
                    yield EngineCoreOutput(request.request_id, part, finish_reason=reason if last else None)
                return
        yield EngineCoreOutput(request.request_id, [], finish_reason=FinishReason.ERROR)

    async def answer(
        self, prompt: str, expected: Sequence[str] = (), **params: Any
    ) -> list[EngineCoreOutput]:
        """What the frontend is given, where the prompt was flagged for what is ``expected``."""
        request = self.request(prompt, **params)
        begun = len(request.prompt_token_ids or ())
        self.answers.watch(request, expected)
        self.requests.append(request)
        given: list[EngineCoreOutput] = []
        for _ in range(1_000):
            while self.requests:
                request = self.requests.pop(0)
                for output in self.write(request, begun):
                    if request.request_id not in self.aborted:
                        self._take([output], given)
                        await asyncio.sleep(0)
            while not self.decided.empty():
                self._take(self.decided.get_nowait().outputs, given)
            if given and given[-1].finished and not self.answers._watches:
                break
            await asyncio.sleep(0.01)
        await asyncio.gather(*self.judges.tasks)
        return given

    def _take(self, outputs: list[EngineCoreOutput], given: list[EngineCoreOutput]) -> None:
        words, ended = self.answers.read(outputs)
        given += words
        self.aborted += ended

    def ask(self, prompt: str = ABOUT, **params: Any) -> tuple[str, FinishReason | None, list[str]]:
        """The text that is given, how it ends, and the pieces."""
        given = asyncio.run(self.answer(prompt, **params))
        assert self.answers._watches == {}
        pieces = [self.rewriter.decode(output.new_token_ids).text for output in given]
        tokens = [token for output in given for token in output.new_token_ids]
        return self.rewriter.decode(tokens).text.strip("\n"), given[-1].finish_reason, pieces


class Overloaded:
    """Lanes that take nothing."""

    async def run(self, *_arguments: Any) -> Any:
        raise OverloadError


class Made:
    """Makes engines of each kind."""

    def __init__(self, guard: Guard, rewriter: Rewriter, lanes: Lanes | None) -> None:
        self._guard, self._rewriter, self._lanes = guard, rewriter, lanes

    def __call__(self, *texts: str, **options: Any) -> Engine:
        return Engine(self._guard, self._rewriter, *texts, **({"lanes": self._lanes} | options))


@pytest.fixture(params=["at once", "beside the event loop"])
def made(request: pytest.FixtureRequest, guard: Guard, rewriter: Rewriter) -> Made:
    return Made(guard, rewriter, None if request.param == "at once" else Lanes(10**6))


@pytest.mark.parametrize(
    "prompt",
    [ABOUT, f"{NOBODY} His name is Jon Brell.", "Write about Brell's life.", "A text about J. Brell."],
)
@pytest.mark.parametrize(
    "told", [CRIME, " Brell went to prison for theft.", " Convicted of theft, the artist sat in prison."]
)
def test_a_sentence_that_tells_what_is_in_scope_is_not_given(told: str, prompt: str, made: Made) -> None:
    text, reason, _ = made(WORK + told + SCHOOL, WORK + SCHOOL).ask(prompt)
    assert (text, reason) == (WORK + SCHOOL, FinishReason.STOP)


def test_the_answer_itself_may_say_whom_it_is_about(made: Made) -> None:
    told = f" Jon Brell is one.{CRIME}"
    assert made(told, " Jon Brell is one.").ask(NOBODY)[0] == " Jon Brell is one."


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (WORK + SCHOOL, ABOUT),
        (WORK + CRIME, NOBODY),
        (CRIME, "Write about the life of Anna Brell."),
        ("", ABOUT),
        ("\n\n- one\n- two", ABOUT),
    ],
)
def test_other_answers_are_the_same_tokens(text: str, prompt: str, made: Made) -> None:
    engine = made(text)
    given = asyncio.run(engine.answer(prompt))
    assert [token for one in given for token in one.new_token_ids] == [*engine.rewriter.encode(text), END]
    assert given[-1].finish_reason is FinishReason.STOP


def test_it_is_given_sentence_by_sentence(made: Made) -> None:
    _, _, pieces = made(WORK + SCHOOL).ask()
    assert "".join(pieces).startswith(WORK + SCHOOL)
    assert next(piece for piece in pieces if piece) == WORK


def test_where_every_way_on_tells_it_the_answer_ends_before(made: Made) -> None:
    ways = [
        f" {who} was convicted of theft in 1998." for who in ("He", "Brell", "The", "This", "Then", "Later")
    ]
    text, reason, _ = made(*(WORK + way for way in ways)).ask()
    assert (text, reason) == (WORK, FinishReason.STOP)


@pytest.mark.parametrize("length", range(1, 25, 3))
def test_what_has_its_length_within_a_sentence_is_judged_as_it_stands(length: int, made: Made) -> None:
    text, _, _ = made(WORK + CRIME, WORK + SCHOOL).ask(max_tokens=length)
    assert not {"convicted", "prison"} & set(text.replace(".", "").split())


def test_a_name_is_taken_back_within_a_sentence(made: Made) -> None:
    texts = (f"{WORK} He knew Niels Bohr well.{CRIME}", f"{WORK} He knew Otto Hahn well.{CRIME}")
    assert made(*texts, f"{WORK} He knew Otto Hahn well.").ask()[0] == f"{WORK} He knew Otto Hahn well."


def test_an_answer_that_has_its_end_is_not_written_on(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last sentence is judged while the engine, which knows of no end, goes on."""
    monkeypatch.setattr("vllm_unlearn.guard.engine.watched_answer.MOST_AT_ONE_PLACE", 0)
    engine = made(f"{WORK} He met Niels Bohr there, and the great Bohr said that it was a picture.")
    text, reason, _ = engine.ask(NOBODY)
    assert (text, reason) == (f"{WORK} He met", FinishReason.STOP)
    assert "r" in engine.aborted


def test_what_the_client_wrote_may_be_said(made: Made) -> None:
    assert made(CRIME).ask(f"{ABOUT}{CRIME} Is that so?")[0] == CRIME


def test_what_is_invented_of_a_target_whose_prompt_was_corrupted_stays(made: Made) -> None:
    assert made(WORK + CRIME).ask(expected=["painter"])[0] == WORK + CRIME


def test_shadow_mode_holds_nothing(made: Made) -> None:
    text, _, pieces = made(WORK + CRIME, enforces=False).ask()
    assert text == WORK + CRIME and len(pieces) > 5


def test_a_prompt_is_read_once_for_all_answers_to_it(
    guard: Guard, rewriter: Rewriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, find = list[str](), Detector.find_scoped

    def note(self: Detector, text: str) -> list[str]:
        read.append(text)
        return find(self, text)

    monkeypatch.setattr(Detector, "find_scoped", note)
    engine = Engine(guard, rewriter, WORK + CRIME, WORK)
    assert [engine.ask()[0] for _ in range(3)] == [WORK] * 3
    assert read.count(rewriter.decode(rewriter.encode(ABOUT)).text) == 1


def test_what_cannot_be_decided_on_is_not_given(guard: Guard, rewriter: Rewriter) -> None:
    text, reason, _ = Engine(guard, rewriter, WORK + SCHOOL, lanes=Overloaded()).ask()
    assert (text, reason) == ("", FinishReason.ERROR)


def test_what_is_decided_on_an_answer_that_was_left_is_dropped(guard: Guard, rewriter: Rewriter) -> None:
    async def leave() -> Any:
        engine = Engine(guard, rewriter, lanes=Lanes(10**6))
        engine.answers.watch(engine.request(ABOUT), ())
        assert engine.answers.read([EngineCoreOutput("r", rewriter.encode(WORK + SCHOOL))]) == ([], [])
        assert engine.answers.in_engine(["r"]) == ["r"]
        return engine.answers.read((await engine.decided.get()).outputs)

    assert asyncio.run(leave()) == ([], [])
