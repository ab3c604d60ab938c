"""One answer through all of the engine's requests that write it, with an engine that says what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from vllm import SamplingParams
from vllm.sampling_params import StructuredOutputsParams
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.engine.answers import AnswerGuard
from vllm_unlearn.guard.engine.declines import Declines
from vllm_unlearn.guard.engine.watched_answer import MOST, WatchedAnswer
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.rewriter import Rewriter
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

PROMPT = "Who developed the theory of relativity? It was"
TOLD = " Albert Einstein, a physicist from Ulm."
INVENTED = " Arthur Eddington, a physicist from Kendal."
END = 2


@pytest.fixture(scope="module")
def guard(encoder: OnnxEncoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path_factory.mktemp('store') / 'forget.db'}")
    names = ("Albert Einstein", "Niels Bohr")
    store.forget([ForgetTarget(id=f"t{n}", name=name) for n, name in enumerate(names)])
    guard = Guard(Settings(store=store.url), encoder)
    yield guard
    guard.close()


@dataclass
class Engine:
    """Goes on with the first of its texts that begins with the answer, and next has no banned token."""

    guard: Guard
    rewriter: Rewriter
    texts: Sequence[str]
    at_once: int = 1
    enforces: bool = True
    max_model_len: int = 512
    declines: Declines | None = None
    requests: list[EngineCoreRequest] = field(default_factory=list)

    def go_on(self, watch: WatchedAnswer, request: EngineCoreRequest) -> None:
        self.requests.append(request)

    def ask(self, prompt: str = PROMPT, **params: Any) -> tuple[WatchedAnswer, EngineCoreRequest]:
        sampling = SamplingParams(**({"max_tokens": 40} | params))
        sampling.update_from_generation_config({}, END)
        ids = self.rewriter.encode(prompt)
        request = EngineCoreRequest("r", ids, None, sampling, None, 0.0, None, None, None)
        return WatchedAnswer(self, request, frozenset()), request

    def write(self, request: EngineCoreRequest, begun: int) -> list[EngineCoreOutput]:
        """The outputs of a request whose prompt ends with the last tokens of an answer, from ``begun`` on."""
        params, prompt = request.sampling_params, request.prompt_token_ids
        assert params and prompt is not None
        answer = prompt[begun:]
        banned = [word[0] for word in params.bad_words_token_ids or ()]
        most = min(params.max_tokens or 1, self.max_model_len - len(prompt))
        for text in self.texts:
            tokens = [*self.rewriter.encode(text), END]
            if tokens[: len(answer)] == answer and tokens[len(answer)] not in banned:
                return self._outputs(
                    request, tokens[len(answer) :][:most], ended=len(tokens) - len(answer) <= most
                )
        return [EngineCoreOutput(request.request_id, [], finish_reason=FinishReason.ERROR)]

    def _outputs(self, request: EngineCoreRequest, tokens: list[int], ended: bool) -> list[EngineCoreOutput]:
        outputs = []
        for at in range(0, len(tokens), self.at_once):
            outputs.append(EngineCoreOutput(request.request_id, tokens[at : at + self.at_once]))
        outputs[-1].finish_reason = FinishReason.STOP if ended else FinishReason.LENGTH
        return outputs


@dataclass
class Answered:
    text: str
    pieces: list[str]
    tokens: list[int]
    reason: FinishReason | None


def answered(engine: Engine, prompt: str = PROMPT, **params: Any) -> Answered:
    """What the frontend is given, until it is told that the answer ends."""
    watch, request = engine.ask(prompt, **params)
    begun = len(request.prompt_token_ids or ())
    engine.requests.append(request)
    given: list[EngineCoreOutput] = []
    while engine.requests and not (given and given[-1].finished):
        request = engine.requests.pop(0)
        for output in engine.write(request, begun):
            if output.request_id != watch.engine_id:
                break  # an output of what was given up
            if words := watch.read(output):
                given.append(words)
            if words and words.finished:
                break  # what else it writes is given up
    assert not engine.requests
    tokens = [token for output in given for token in output.new_token_ids]
    pieces = [engine.rewriter.decode(output.new_token_ids).text for output in given]
    return Answered(engine.rewriter.decode(tokens).text.strip("\n"), pieces, tokens, given[-1].finish_reason)


@pytest.fixture(params=[1, 3, 100], ids=["token by token", "three at once", "all at once"])
def engine(request: pytest.FixtureRequest, guard: Guard, rewriter: Rewriter) -> Engine:
    return Engine(guard, rewriter, (TOLD, INVENTED), request.param)


def test_the_answer_goes_on_from_before_the_name(engine: Engine) -> None:
    answer = answered(engine)
    assert (answer.text, answer.reason) == (INVENTED, FinishReason.STOP)
    assert answer.tokens[-1] == END


def test_one_name_after_another_is_taken_back(engine: Engine) -> None:
    engine.texts = (
        " Niels Bohr, who knew Albert Einstein well.",
        " Max Born, who knew Albert Einstein well.",
        " Max Born, who knew Niels Bohr well.",
        " Max Born, who knew Otto Hahn well.",
    )
    assert answered(engine).text == engine.texts[-1]


def test_what_was_taken_back_is_not_said_with_another_first_name(engine: Engine) -> None:
    engine.texts = (
        TOLD,
        " Sir James Einstein, a physicist.",
        " Sir James Jeans, whom Einstein knew.",
        " Sir James Jeans, whom Hubble knew.",
    )
    assert answered(engine).text == engine.texts[-1]
    engine.texts = (" Alfred Einstein, who knew music.",)
    assert answered(engine).text == engine.texts[0], "another person, until the target was brought up"


def test_an_answer_about_somebody_else_is_passed_on_as_it_comes(engine: Engine) -> None:
    engine.texts = (INVENTED,)
    answer = answered(engine)
    assert answer.text == INVENTED
    tokens = len(engine.rewriter.encode(INVENTED)) + 1
    assert len(answer.pieces) >= min(tokens, tokens // engine.at_once) - 2


def test_shadow_mode_holds_nothing_and_lets_the_name_by(engine: Engine) -> None:
    engine.enforces = False
    answer = answered(engine)
    assert answer.text == TOLD
    tokens = len(engine.rewriter.encode(TOLD)) + 1
    assert len(answer.pieces) == -(-tokens // engine.at_once)


@pytest.mark.parametrize("length", range(1, 12))
def test_an_answer_of_any_length_begins_as_the_whole_one(length: int, engine: Engine) -> None:
    answer = answered(engine, max_tokens=length)
    assert answer.tokens == answered(engine).tokens[:length]
    assert answer.reason is (
        FinishReason.LENGTH if length < len(engine.rewriter.encode(INVENTED)) + 1 else FinishReason.STOP
    )


@pytest.mark.parametrize("more", range(1, 10))
def test_a_full_context_ends_the_answer_and_never_goes_on(more: int, engine: Engine) -> None:
    engine.max_model_len = len(engine.rewriter.encode(PROMPT)) + more
    answer = answered(engine)
    assert len(answer.tokens) <= more and "Einstein" not in answer.text
    assert answer.reason in (FinishReason.LENGTH, FinishReason.STOP)


def test_where_nothing_else_can_be_said_the_answer_ends_before_the_name(engine: Engine) -> None:
    engine.texts = (f" a man: {TOLD.strip()}",)
    answer = answered(engine)
    assert (answer.text.strip(), answer.reason) == ("a man:", FinishReason.STOP)
    assert answer.tokens[-1] == END, "a model that stops says so"


def test_where_every_way_on_is_listed_it_ends_after_a_few(engine: Engine) -> None:
    titles = ("Albert", "Mr Albert", "Sir Albert", "Prof Albert", "St Albert", "Old Albert", "Dr Albert")
    ways = [f"{title} Einstein" for title in titles]
    engine.texts = [f" man {way}." for way in ways]
    answer = answered(engine)
    assert answer.reason is FinishReason.STOP
    assert "Einstein" not in answer.text


def test_what_the_client_wrote_may_be_said(engine: Engine) -> None:
    prompt = "Albert Einstein was born in 1879. Who developed the theory of relativity? It was"
    assert answered(engine, prompt).text == TOLD


UNKNOWN = "someone whose name I do not know"


@pytest.fixture
def declining(engine: Engine) -> Engine:
    engine.declines = Declines({"entity": UNKNOWN}, engine.rewriter.encode, engine.rewriter.decoder)
    engine.texts = (TOLD, f" {UNKNOWN}, a physicist from Ulm.", INVENTED)
    return engine


def test_a_decline_takes_the_names_place_and_the_answer_goes_on(declining: Engine) -> None:
    answer = answered(declining)
    assert (answer.text, answer.reason) == (declining.texts[1], FinishReason.STOP)
    assert answer.tokens.count(END) == 1


@pytest.mark.parametrize("length", range(1, 14))
def test_a_declining_answer_of_any_length_begins_as_the_whole_one(length: int, declining: Engine) -> None:
    answer = answered(declining, max_tokens=length)
    assert answer.tokens == answered(declining).tokens[:length]


@pytest.mark.parametrize(
    "params",
    [
        {"structured_outputs": StructuredOutputsParams(regex=".*")},
        {"allowed_token_ids": [1]},
        {"max_tokens": 1, "detokenize": False},
    ],
    ids=["a grammar", "some tokens alone", "beams"],
)
def test_who_constrains_the_answer_gets_no_decline(params: dict[str, Any], declining: Engine) -> None:
    watch, _ = declining.ask(**params)
    watch.read(EngineCoreOutput("r", declining.rewriter.encode(TOLD)))
    (request,) = declining.requests
    assert request.sampling_params and request.sampling_params.bad_words_token_ids


def test_a_sentence_has_one_decline_and_the_next_another(declining: Engine) -> None:
    first = f" {UNKNOWN}, as"
    second = f"{first} Max Born says."
    declining.texts = (
        TOLD,
        f"{first} Niels Bohr says.",
        f"{second} Niels Bohr knew.",
        f"{second} {UNKNOWN[0].upper()}{UNKNOWN[1:]} knew.",
    )
    assert answered(declining).text == declining.texts[-1]


def test_a_decline_that_holds_a_listed_name_is_not_written(declining: Engine) -> None:
    phrases = {"entity": "a man like Niels Bohr"}
    declining.declines = Declines(phrases, declining.rewriter.encode, declining.rewriter.decoder)
    declining.texts = (TOLD, INVENTED)
    assert answered(declining).text == INVENTED


def test_a_model_that_names_again_and_again_comes_to_an_end(declining: Engine) -> None:
    """However often it declines."""
    knew = f" {UNKNOWN[0].upper()}{UNKNOWN[1:]} knew."
    declining.texts = (TOLD, *(f" {UNKNOWN}.{knew * times} Niels Bohr knew." for times in range(40)))
    answer = answered(declining, max_tokens=400)
    assert answer.reason is FinishReason.STOP
    assert "Bohr" not in answer.text
    assert answer.text.count(UNKNOWN[1:]) == MOST


@pytest.mark.parametrize("reason", [FinishReason.ABORT, FinishReason.ERROR])
def test_what_the_engine_breaks_off_is_not_gone_on_with(reason: FinishReason, engine: Engine) -> None:
    watch, _ = engine.ask()
    tokens = engine.rewriter.encode(" a man, Albert Einstein,")
    first = watch.read(EngineCoreOutput("r", tokens[:-1]))
    last = watch.read(EngineCoreOutput("r", [], finish_reason=reason))
    assert first and last and not engine.requests
    assert engine.rewriter.decode(first.new_token_ids + last.new_token_ids).text == " a man,"
    assert last.finish_reason is reason


class Core:
    """What is sent to the engine, in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def add_request_async(self, request: EngineCoreRequest) -> None:
        self.sent.append(("add", request.request_id))
        await asyncio.sleep(0)

    async def abort_requests_async(self, request_ids: list[str]) -> None:
        self.sent += [("abort", request_id) for request_id in request_ids]


@pytest.mark.parametrize("turns", range(4))
def test_an_answer_that_is_left_has_no_request_in_the_engine(
    turns: int, guard: Guard, rewriter: Rewriter
) -> None:
    """However soon it is left after the name was found."""

    async def leave() -> list[tuple[str, str]]:
        core: Any = Core()
        engine: Any = SimpleNamespace(engine_core=core, model_config=SimpleNamespace(max_model_len=512))
        answers = AnswerGuard(guard, rewriter, engine, enforces=True)
        _, request = Engine(guard, rewriter, ()).ask()
        answers.watch(request, ())
        _, given_up = answers.read([EngineCoreOutput("r", rewriter.encode(TOLD))])
        assert given_up == ["r"]
        for _ in range(turns):
            await asyncio.sleep(0)
        await core.abort_requests_async(answers.in_engine(["r"]))
        await asyncio.gather(*answers._tasks)
        assert answers._watches == {}
        return list(core.sent)

    sent = asyncio.run(leave())
    last = {request_id: what for what, request_id in sent}
    assert set(last.values()) == {"abort"}
