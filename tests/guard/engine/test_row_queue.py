"""An answer waits while its prompt's rows are cleared, in the order in which the engine wrote it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm.v1.outputs import LogprobsTensors
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.engine.answers import AnswerGuard
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.load.lanes import Lanes, OverloadError
from vllm_unlearn.guard.rewriter import Rewriter
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

PROMPT = "The physicist is Albert is"
NAME = " Einstein"
ANSWER = (" a painter", " of the sea.")


@pytest.fixture(scope="module")
def guard(encoder: OnnxEncoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path_factory.mktemp('store') / 'forget.db'}")
    store.forget([ForgetTarget(id="einstein", name="Albert Einstein")])
    guard = Guard(Settings(store=store.url), encoder)
    yield guard
    guard.close()


class Overloaded:
    """Lanes that take nothing."""

    async def run(self, *_arguments: Any) -> Any:
        raise OverloadError


class Engine:
    """Writes two pieces; with the first come the prompt's rows, in which the name is likely."""

    def __init__(self, guard: Guard, rewriter: Rewriter, lanes: Any) -> None:
        self.rewriter, self.queue = rewriter, asyncio.Queue[Any]()
        core = SimpleNamespace(outputs_queue=self.queue, engine_ranks_managed=[0])
        engine = cast(Any, SimpleNamespace(engine_core=core, model_config=SimpleNamespace(max_model_len=512)))
        self.answers = AnswerGuard(guard, rewriter, engine, enforces=True, lanes=lanes)
        params = SamplingParams(max_tokens=20, prompt_logprobs=1)
        ids = rewriter.encode(PROMPT)
        self.request = EngineCoreRequest("r", ids, None, params, None, 0.0, None, None, None)
        self.name = rewriter.encode(NAME)[0]
        self.outputs = [EngineCoreOutput("r", rewriter.encode(text)) for text in ANSWER]
        self.outputs[-1].finish_reason = FinishReason.STOP
        columns = torch.tensor([[token, self.name] for token in ids[1:]])
        values = torch.tensor([[-9.0, -0.1]] * len(columns))
        ranks = torch.full((len(columns),), 7)
        self.outputs[0].new_prompt_logprobs_tensors = LogprobsTensors(columns, values, ranks)
        self.answers.watch(self.request, ())

    async def read(self, leave: bool = False) -> list[EngineCoreOutput]:
        given = self._read(self.outputs)
        if leave:
            self.answers.in_engine(["r"])
        if self.answers._rows._tasks:
            assert given == []
            given = self._read((await asyncio.wait_for(self.queue.get(), 30)).outputs)
        return given

    def _read(self, outputs: Sequence[EngineCoreOutput]) -> list[EngineCoreOutput]:
        return self.answers.read(outputs)[0]


def ask(guard: Guard, rewriter: Rewriter, lanes: Any, leave: bool = False) -> list[EngineCoreOutput]:
    async def run() -> list[EngineCoreOutput]:
        engine = Engine(guard, rewriter, lanes)
        given = await engine.read(leave)
        assert engine.answers._watches == {} == engine.answers._rows._waiting
        return given

    return asyncio.run(run())


@pytest.mark.parametrize("lanes", [None, Lanes(10**6)], ids=["at once", "beside the event loop"])
def test_what_waits_comes_in_its_order_and_names_nobody(guard: Guard, rewriter: Rewriter, lanes: Any) -> None:
    given = ask(guard, rewriter, lanes)
    tokens = [token for output in given for token in output.new_token_ids]
    assert rewriter.decode(tokens).text == "".join(ANSWER)
    assert [output.finish_reason for output in given] == [None, FinishReason.STOP]
    rows = given[0].new_prompt_logprobs_tensors
    assert rows is not None and rewriter.encode(NAME)[0] not in rows.logprob_token_ids[-1].tolist()


def test_what_cannot_be_cleared_is_not_given(guard: Guard, rewriter: Rewriter) -> None:
    given = ask(guard, rewriter, Overloaded())
    assert given[0].finish_reason is FinishReason.ERROR
    assert given[0].new_token_ids == [] and given[0].new_prompt_logprobs_tensors is None


def test_nothing_is_given_to_who_has_left(guard: Guard, rewriter: Rewriter) -> None:
    assert ask(guard, rewriter, Lanes(10**6), leave=True) == []
