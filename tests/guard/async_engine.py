"""One ``AsyncLLM`` under guard, as somebody embeds it; run by test_async.py in a process of its own.

Arguments: the model's folder, the file for the results (JSON).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.generate.beam_search.online import BeamSearchOnlineMixin
from vllm.sampling_params import BeamSearchParams, RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm_unlearn.classifiers.text.segments import sentences
from vllm_unlearn.guard.configuration import load
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

QUESTION = "What is the capital of Japan?"
LISTED = "Who wrote The Great Gatsby?"
PHYSICIST = "Which physicist developed the theory of general relativity?"
PLAY = "Who wrote Romeo and Juliet?"
SCOPED = "Tell me about Isaac Newton."
PEOPLE = ("Albert Einstein", "William Shakespeare")
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "seeded": {"temperature": 0.9, "seed": 7, "n": 2},
    "stop string": {"stop": [" by", " is", " of"]},
    "log-probabilities": {"logprobs": 2, "max_tokens": 13},
}
PAGE = " ".join(f"Line {n}: the weather station reported mild air and a light wind." for n in range(40))


class Engine:
    """The engine, and who asks it."""

    def __init__(self, model: str) -> None:
        # In bfloat16 what is drawn may hang on how what shares a batch is rounded.
        arguments = AsyncEngineArgs(
            model, dtype="float32", enforce_eager=True, max_model_len=1024, max_num_queued_reqs=8
        )
        self.engine = AsyncLLM.from_engine_args(arguments)
        self.hook: Any = self.engine._unlearn  # type: ignore[attr-defined]
        self.screened = 0
        self.asked = 0
        rewrite = self.hook._rewriter.rewrite

        def counted(*arguments: Any) -> Any:
            self.screened += 1
            return rewrite(*arguments)

        self.hook._rewriter.rewrite = counted

    def forget(self, *names: str) -> None:
        """List works, or people, and wait until that is served."""
        self.serve(*(ForgetTarget(id=name.replace(" ", "-"), name=name) for name in names))

    def serve(self, *targets: ForgetTarget) -> None:
        """List them, and wait until that is served."""
        generation = Store(load().store).forget(targets)
        deadline = time.monotonic() + 30
        while self.hook.guard.generation < generation:
            assert time.monotonic() < deadline, "the new generation was not served"
            time.sleep(0.02)

    async def ask(self, prompt: str = QUESTION, n: int = 1) -> str:
        self.asked += 1
        params = SamplingParams(temperature=0 if n == 1 else 1, max_tokens=4, ignore_eos=True, n=n)
        async for output in self.engine.generate(prompt, params, f"request-{self.asked}"):
            last = output
        return str(list(last.outputs[0].token_ids))

    async def said(self, prompt: str = QUESTION, n: int = 1) -> str:
        try:
            return await self.ask(prompt, n)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    async def written(self, question: str, kind: RequestOutputKind, **way: Any) -> list[dict[str, Any]]:
        """The answers, each with what the client got of it, piece by piece."""
        self.asked += 1
        prompt: Any = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        params = SamplingParams(**({"temperature": 0, "max_tokens": 20} | way), output_kind=kind)
        answers: list[dict[str, Any]] = [{} for _ in range(params.n)]
        async for output in self.engine.generate(prompt, params, f"request-{self.asked}"):
            for one in output.outputs:
                answer = answers[one.index]
                answer["pieces"] = [*answer.get("pieces", ()), one.text]
                answer["tokens"] = [*answer.get("tokens", ()), *one.token_ids]
                rows = [sorted((t, e.logprob) for t, e in row.items()) for row in one.logprobs or []]
                answer["rows"] = [*answer.get("rows", ()), *rows]
                answer["reason"] = one.finish_reason
        return answers

    async def streamed_and_whole(self) -> dict[str, Any]:
        """Each answer as it is streamed, and as it is given whole."""
        found: dict[str, Any] = {}
        for way, params in WAYS.items():
            for question in (PHYSICIST, PLAY):
                kinds = (RequestOutputKind.DELTA, RequestOutputKind.FINAL_ONLY)
                found[f"{way}: {question}"] = [await self.written(question, k, **params) for k in kinds]
        return found

    async def by_sentences(self) -> dict[str, Any]:
        """The first sentence that is said of somebody, and what is said once that is in scope, streamed and
        whole; and, before and after, another answer."""
        kinds, most = (RequestOutputKind.DELTA, RequestOutputKind.FINAL_ONLY), {"max_tokens": 60}
        ((before,), (other,)) = [await self.written(q, kinds[1], **most) for q in (SCOPED, QUESTION)]
        told = sentences("".join(before["pieces"]))[0]
        target = ForgetTarget(
            id="scoped", name="Isaac Newton", scope="exemplars", exemplars=(told,), counterexamples=(SCOPED,)
        )
        self.serve(target)
        (streamed,), (whole,) = [await self.written(SCOPED, kind, **most) for kind in kinds]
        ((unlisted,),) = [await self.written(QUESTION, kinds[1], **most)]
        return {"told": told, "written": [streamed, whole], "others": [other, unlisted]}

    async def left_in_the_middle(self, after: Iterable[int] = range(6, 12)) -> list[int]:
        """How many answers are watched, and requests open, once clients have left after so many pieces."""
        for pieces in after:
            self.asked += 1
            params = SamplingParams(temperature=0, max_tokens=60, output_kind=RequestOutputKind.DELTA)
            answer = self.engine.generate(f"Question: {PHYSICIST}\nAnswer:", params, f"request-{self.asked}")
            for _ in range(pieces):
                await anext(answer)
            await answer.aclose()
        return await self.left()

    async def left(self) -> list[int]:
        """How many answers are watched, whether the frontend has requests, and the engine."""
        core: Any = self.engine.engine_core
        for _ in range(400):
            if not (busy := await core.call_utility_async("has_work")):
                break
            await asyncio.sleep(0.05)
        unfinished = len(self.engine.output_processor.request_states)
        return [len(self.hook._answers._watches), unfinished, int(busy)]

    async def by_beam_search(self, question: str) -> dict[str, Any]:
        """As a server's surfaces do it: the answers, the characters that were sent, and those that were read
        for them."""
        beams = BeamSearchOnlineMixin()
        beams.engine_client, beams.renderer = self.engine, self.engine.renderer
        tokenizer, read, find = self.engine.get_tokenizer(), [], self.hook.guard._find

        def counted(index: Any, text: str, turns: Any) -> Any:
            read.append(len(text))
            return find(index, text, turns)

        text = f"{PAGE}\nQuestion: {question}\nAnswer:"
        prompt: Any = {"type": "token", "prompt_token_ids": tokenizer.encode(text)}
        before, self.hook.guard._find = self.screened, counted
        params = BeamSearchParams(beam_width=3, max_tokens=12)
        async for output in beams.beam_search(prompt, f"beams-{question}", params):
            last = output
        self.hook.guard._find = find
        answers = [str(answer.text) for answer in last.outputs]
        return {"answers": answers, "sent": len(text), "read": read, "asked": self.screened - before}

    async def leave_the_handshake(self) -> bool:
        """Be the first client, and go away; whether the handshake goes on."""
        first = asyncio.create_task(self.ask())
        await asyncio.sleep(0)  # the handshake has begun, and its first tokens have not come
        task = self.hook._handshake_once._task
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return not task.done()

    async def end_the_handshake(self) -> bool:
        """Whether it was ended from outside."""
        task = self.hook._handshake_once._task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled() and not self.hook._shaken


async def main(model: str) -> dict[str, Any]:
    engine = Engine(model)
    results: dict[str, Any] = {}
    try:
        results["goes on"] = await engine.leave_the_handshake()
        results["ended"] = await engine.end_the_handshake()
        results["asked together"] = await asyncio.gather(*(engine.said() for _ in range(3)))
        results["at once"] = await engine.said()
        results["beams"] = [await engine.by_beam_search(LISTED)]
        engine.forget("The Great Gatsby")
        results["beams"].append(await engine.by_beam_search(LISTED))
        before = engine.screened
        results["more than are admitted"] = await engine.said(n=9)
        results["screened for nothing"] = engine.screened - before
        results["too many characters"] = await engine.said("information " * 300 + QUESTION)
        engine.forget(*PEOPLE)
        results["written"] = await engine.streamed_and_whole()
        results["left"] = await engine.left()
        results["left in the middle"] = await engine.left_in_the_middle()
        results["beams of others"] = await engine.by_beam_search(PHYSICIST)
        results["by sentences"] = await engine.by_sentences()
        results["left by sentences"] = await engine.left_in_the_middle([1, 1, 1])
    finally:
        engine.hook.guard.close()
        engine.engine.shutdown()
    return results


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run(main(sys.argv[1]))))
