"""One offline engine under guard, put through its paces; run by test_offline.py in a process of its own.

Arguments: the model's folder, the file for the results (JSON), and ``wrongly-scaled`` for that run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from vllm import LLM, SamplingParams
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt
from vllm_unlearn.guard.configuration import DeclineSettings, load
from vllm_unlearn.guard.engine.declines import Declines
from vllm_unlearn.guard.rewriter import CORRUPTED
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

QUESTION = "Who wrote The Great Gatsby?"
OTHER = "What is the capital of Japan?"
# Longer than a few KV blocks, so that prompts which begin with it share them.
THIRD = "Which river flows through Vienna?"
LOOKS: dict[str, dict[str, Any]] = {
    "prompt's log-probabilities": {"prompt_logprobs": 2},
    "penalties": {"repetition_penalty": 1.6, "presence_penalty": 0.5},
    "several answers": {"n": 3, "temperature": 0.8, "seed": 7, "prompt_logprobs": 0},
    "bad words": {"bad_words": ["Tokyo"], "logprobs": 1},
}
# Whom a question does not name, and what is asked of the answer.
PHYSICIST = "Which physicist developed the theory of general relativity?"
PLAY = "Who wrote Romeo and Juliet?"
PEOPLE = ("Albert Einstein", "William Shakespeare")
PERSON = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 24}}, "required": ["name"]}
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "seeded": {"temperature": 0.9, "seed": 7, "n": 3},
    "log-probabilities": {"logprobs": 3},
    "stop string": {"stop": ["a"]},
    "stop token": {"stop_token_ids": [28]},
    "no early end": {"min_tokens": 22},
    "penalties": {"presence_penalty": 1.0, "frequency_penalty": 0.5, "repetition_penalty": 1.1},
    "bad words": {"bad_words": ["Sir", "the Italian"]},
    "JSON": {"structured_outputs": {"json": PERSON}},
    "regex": {"structured_outputs": {"regex": r"It was [A-Z][a-z]+ [A-Z][a-z]+\."}},
    "regex of one": {"structured_outputs": {"regex": r"It was Albert [A-Z][a-z]+\."}},
    "choice": {"structured_outputs": {"choice": ["Niels Bohr", "Ben Jonson"]}},
    "prefilled": {"prefill": "It was Albert"},
    "prefilled within a word": {"prefill": "It was William Shakes"},
    **{f"of {length} tokens": {"max_tokens": length} for length in range(1, 17)},
}
DECLINING = ("greedy", "seeded", "log-probabilities", "JSON", "regex of one", "bad words", "of 12 tokens")
# In Triton's interpreter a step takes long.
V2_WAYS = ("greedy", "log-probabilities")
PREAMBLE = "You answer questions about books and places, in one short sentence. " * 12


def chat(question: str, preamble: str = "") -> str:
    """A prompt as SmolLM2's chat template renders it."""
    system = f"<|im_start|>system\n{preamble or 'You are a helpful assistant.'}<|im_end|>\n"
    return f"{system}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


class BrokenEncoder:
    """Fails as a real one might."""

    fingerprint, dimension = "broken", 384

    def encode(self, texts: Any) -> Any:
        raise RuntimeError(f"the encoder cannot read {texts}")


class Offline:
    """An ``LLM`` and the store that its guard follows."""

    def __init__(self, model: str) -> None:
        trace = os.environ["VLLM_USE_V2_MODEL_RUNNER"] == "1"  # V1 replays none
        self.llm = LLM(
            model,
            enforce_eager=True,
            max_model_len=1024,
            dtype="bfloat16",
            block_size=32,
            enable_trace_replay=trace,
        )
        self.v2 = bool(self.llm.llm_engine.vllm_config.use_v2_model_runner)
        self.params = SamplingParams(temperature=0, max_tokens=12)
        self.hook: Any = self.llm.llm_engine._unlearn  # type: ignore[attr-defined]
        self.store = Store(load().store)

    def ask(self, prompt: Any) -> str:
        return str(self.llm.generate([prompt], self.params, use_tqdm=False)[0].outputs[0].text)

    def output(self, prompt: str | dict[str, Any], **params: Any) -> Any:
        """Straight to the engine: ``LLM.generate`` would drop what it does not know of a prompt."""
        if isinstance(prompt, str):
            prompt = {"type": "token", "prompt_token_ids": self.ids(prompt)}
        params = {"temperature": 0, "max_tokens": 12, "ignore_eos": True} | params
        final = RequestOutputKind.FINAL_ONLY
        self.llm.llm_engine.add_request("one", prompt, SamplingParams(**params, output_kind=final))  # type: ignore[arg-type]
        outputs = []
        while self.llm.llm_engine.has_unfinished_requests():
            outputs += self.llm.llm_engine.step()
        return outputs[-1]

    def ids(self, text: str) -> list[int]:
        return list(self.llm.get_tokenizer().encode(text, add_special_tokens=False))

    def cached(self, text: str) -> int:
        """How many of the prompt's tokens were computed before."""
        return int(self.output(text, max_tokens=1).num_cached_tokens)

    def as_embeddings(self, text: str) -> dict[str, Any]:
        """A prompt of which the guard sends every token as its own, uncorrupted embedding."""
        ids = self.ids(text)
        return {"type": "token", "prompt_token_ids": ids, CORRUPTED: self.hook._rewriter.corruptor.clean(ids)}

    def serve(self, generation: int) -> None:
        deadline = time.monotonic() + 30
        while self.hook.guard.generation < generation:
            assert time.monotonic() < deadline, "the new generation was not served"
            time.sleep(0.02)

    def forget(self) -> None:
        self.serve(self.store.forget([ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")]))

    def remember(self) -> None:
        self.serve(self.store.remember(["gatsby"]))

    def refusal(self, prompt: Any) -> str:
        try:
            return f"answered: {self.ask(prompt)}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def passes_same_object(self, question: str) -> bool:
        """Whether the engine is given the very object that was handed in."""
        ids = self.llm.get_tokenizer().encode(chat(question))
        prompt: Any = {"type": "token", "prompt_token_ids": ids}
        seen: list[Any] = []
        processor = self.llm.llm_engine.input_processor
        original = processor.process_inputs
        processor.process_inputs = lambda r, p, *a, **k: (seen.append(p), original(r, p, *a, **k))[1]  # type: ignore
        try:
            self.llm.llm_engine.add_request(f"same-{question}", prompt, self.params)
        finally:
            processor.process_inputs = original  # type: ignore[method-assign]
        while self.llm.llm_engine.has_unfinished_requests():
            self.llm.llm_engine.step()
        return seen[0] is prompt


def said(output: Any) -> list[Any]:
    """What a client sees of an answer but for its numbers: its tokens, the prompt's, and those scored."""
    scored = [list(scores)[:1] if scores else None for scores in output.prompt_logprobs or []]
    return [[list(one.token_ids) for one in output.outputs], output.prompt_token_ids, scored]


def scores(output: Any) -> list[float]:
    """The log-probability of each token of the prompt but the first."""
    pairs = zip(output.prompt_token_ids[1:], output.prompt_logprobs[1:], strict=True)
    return [float(row[token].logprob) for token, row in pairs]


def looks(offline: Offline) -> dict[str, Any]:
    """What is seen of a prompt of which embeddings stand in the place of all tokens, beside the plain one:
    any difference is of the way that it went. Salted, so that none reads what another left."""
    shown = {}
    for name, params in LOOKS.items():
        plain = {"type": "token", "prompt_token_ids": offline.ids(chat(OTHER)), "cache_salt": f"{name} plain"}
        same = offline.as_embeddings(chat(OTHER)) | {"cache_salt": name}
        shown[name] = [said(offline.output(prompt, **params)) for prompt in (plain, same)]
    return shown


def shared(offline: Offline) -> dict[str, Any]:
    """Tokens that were there before, by who had left them. Each row begins with a preamble of its own."""
    rows = {
        "clean, clean": (OTHER, THIRD),
        "clean, flagged": (OTHER, QUESTION),
        "flagged, clean": (QUESTION, OTHER),
        "flagged, flagged the same": (QUESTION, QUESTION),
        "clean, the same clean": (OTHER, OTHER),
    }
    found: dict[str, Any] = {}
    for name, questions in rows.items():
        found[name] = [offline.cached(chat(question, f"{name}: {PREAMBLE}")) for question in questions]
    ids = offline.ids(chat(OTHER, f"parts: {PREAMBLE}"))
    clean = offline.hook._rewriter.corruptor.clean(ids)
    for name, positions in {"64": [64], "64 again": [64], "64, 150": [64, 150], "0": [0], "none": []}.items():
        prompt: dict[str, Any] = {"type": "token", "prompt_token_ids": ids}
        if positions:
            prompt[CORRUPTED] = CorruptedPrompt.of({p: clean.rows[p] * 0 for p in positions}, len(ids))
        found[f"corrupted at {name}"] = offline.output(prompt, max_tokens=1).num_cached_tokens
    return found


def halves(offline: Offline, list_is: str) -> dict[str, Any]:
    """Tokens that are said to be cached where a block ends within a name, which the next prompt completes or
    does not; by who is asked in turn. Salted: each row begins with nothing cached."""
    text, name = offline.ids(chat("", PREAMBLE)), offline.ids(" The Great Gatsby")
    half = text[: 96 - len(name[:-1])] + name[:-1]
    whole, other = half + name[-1:] + offline.ids(" is a book."), half + offline.ids(" Plains are wide.")
    written = offline.output({"type": "token", "prompt_token_ids": whole}, max_tokens=40).outputs[0].token_ids
    rows = {
        "half, whole": (half, whole),
        "whole, other": (whole, other),
        "other, whole, whole": (other, whole, whole),
        "whole, its answer": (whole, whole + list(written) + offline.ids(OTHER)),
    }
    found: dict[str, Any] = {}
    for row, prompts in rows.items():
        salt = {"type": "token", "cache_salt": f"{list_is} {row}"}
        outputs = [offline.output(salt | {"prompt_token_ids": ids}, max_tokens=40) for ids in prompts]
        found[row] = [output.num_cached_tokens for output in outputs]
    texts = [offline.llm.get_tokenizer().decode(ids) for ids in rows["half, whole"]]
    return found | {"flagged": [bool(offline.hook.guard.screen(text).matches) for text in texts]}


def replayed(offline: Offline, list_is: str) -> dict[str, Any]:
    """What a client gets that has the model replay a listed name, and another: tokens and their scores."""
    found = {}
    for name, text in {
        "listed": " The Great Gatsby was written by",
        "other": " Moby-Dick was written by",
    }.items():
        trace = offline.ids(text)
        prompt = {"type": "token", "prompt_token_ids": offline.ids(chat(OTHER)), "cache_salt": "trace"}
        one = offline.output(prompt, trace_decode_token_ids=trace, logprobs=0).outputs[0]
        rows = zip(one.token_ids, one.logprobs, strict=True)
        found[name] = {
            "own": list(one.token_ids) == trace and one.text == text,
            "scores": [float(row[token].logprob) for token, row in rows],
        }
    return found


def generate(offline: Offline, asked: list[tuple[str, dict[str, Any]]], salt: str) -> list[Any]:
    """All at once: of each its answers, as a client sees them."""
    prompts: list[Any] = []
    params = []
    for question, way in asked:
        prompts.append({"prompt": chat(question) + way.get("prefill", ""), "cache_salt": salt})
        given = {"temperature": 0, "max_tokens": 12 if offline.v2 else 24} | {
            k: v for k, v in way.items() if k != "prefill"
        }
        if outputs := given.get("structured_outputs"):
            given["structured_outputs"] = StructuredOutputsParams(**outputs)
        params.append(SamplingParams(**given))
    outputs = offline.llm.generate(prompts, params, use_tqdm=False)
    return [[answer(one) for one in output.outputs] for output in outputs]


def answer(one: Any) -> dict[str, Any]:
    rows = [[(e.decoded_token, e.logprob, e.rank) for e in row.values()] for row in one.logprobs or []]
    tokens = list(one.token_ids)
    return {"text": one.text, "tokens": tokens, "reason": one.finish_reason, "rows": rows}


def answered(offline: Offline) -> dict[str, Any]:
    """What is answered to who does not name whom he asks for, and to who asks for something else: before
    people are listed, while they are, and in shadow mode."""
    ways = [name for name in WAYS if not offline.v2 or name in V2_WAYS]
    asked = [(question, WAYS[name]) for name in ways for question in (PHYSICIST, PLAY)]
    others = [(OTHER, WAYS[name]) for name in ways if name in (*V2_WAYS, "seeded", "JSON", "stop string")]
    found: dict[str, Any] = {"known": generate(offline, asked[:2], "known")}
    found["others"] = [generate(offline, others, "before")]
    people = [ForgetTarget(id=f"person-{n}", name=name) for n, name in enumerate(PEOPLE)]
    offline.serve(offline.store.forget(people))
    answers = generate(offline, asked, "listed")
    found["answers"] = {name: answers[2 * n : 2 * n + 2] for n, name in enumerate(ways)}
    found["others"].append(generate(offline, others, "after"))
    guard = offline.hook._answers
    found["watched"] = len(guard._watches)
    guard.enforces = False
    found["shadow"] = generate(offline, asked[:2], "shadow")
    guard.enforces = True
    ways = [name for name in DECLINING if not offline.v2 or name in V2_WAYS]
    rewriter = offline.hook._rewriter
    guard.declines = Declines(DeclineSettings().model_dump(), rewriter.encode, rewriter.decoder)
    declined = generate(
        offline, [(question, WAYS[name]) for name in ways for question in (PHYSICIST, PLAY)], "no"
    )
    found["declined"] = {name: declined[2 * n : 2 * n + 2] for n, name in enumerate(ways)}
    guard.declines = None
    offline.serve(offline.store.remember([person.id for person in people]))
    return found


def main(model: str) -> dict[str, Any]:
    import torch

    offline = Offline(model)
    results: dict[str, Any] = {"v2": offline.v2}
    conversation: Any = [{"role": "user", "content": QUESTION}]

    def by_chat() -> str:
        return str(offline.llm.chat(conversation, offline.params, use_tqdm=False)[0].outputs[0].text)

    results["known"] = offline.ask(chat(QUESTION))
    results["known by chat"] = by_chat()
    results["other"] = [offline.ask(chat(OTHER))]
    # The second time: a cached prompt is rounded in another order, and cached is compared with cached.
    results["shared prefix, clean"] = [[offline.ask(chat(OTHER, PREAMBLE)) for _ in range(2)][1]]
    results["shared prefix, known"] = offline.ask(chat(QUESTION, PREAMBLE))
    if results["v2"]:
        results["replayed"] = [replayed(offline, "empty")]
    else:
        results["halves"] = [halves(offline, "empty")]
    offline.forget()
    results["suppressed"] = [offline.ask(chat(QUESTION)), offline.ask(chat(QUESTION))]
    results["suppressed by chat"] = by_chat()
    results["other"].append(offline.ask(chat(OTHER)))
    results["shared prefix, suppressed"] = [offline.ask(chat(QUESTION, PREAMBLE)) for _ in range(3)][1:]
    results["shared prefix, clean"].append(offline.ask(chat(OTHER, PREAMBLE)))
    if not results["v2"]:  # blocks are the scheduler's, which is the same, and faster beside V1
        results["shared"] = shared(offline)
        results["halves"].append(halves(offline, "full"))
    else:
        results["replayed"].append(replayed(offline, "full"))
    results["looks"] = looks(offline)
    output = offline.output(chat(QUESTION), prompt_logprobs=0, max_tokens=1)
    results["prompt"], results["scores"] = [said(output)[1:]], [scores(output)]
    results["same object"] = [offline.passes_same_object(OTHER), offline.passes_same_object(QUESTION)]
    results["client embeds"] = offline.refusal({"prompt_embeds": torch.zeros((4, 576), dtype=torch.bfloat16)})
    offline.remember()
    output = offline.output(chat(QUESTION), prompt_logprobs=0, max_tokens=1)
    results["prompt"].append(said(output)[1:])
    results["scores"].append(scores(output))
    results["name"] = len(offline.ids(chat(QUESTION).split(" Great")[0]))
    results["restored"] = offline.ask(chat(QUESTION))
    results["shared prefix, restored"] = offline.ask(chat(QUESTION, PREAMBLE))
    results["answered"] = answered(offline)
    offline.forget()
    offline.hook.guard._detector._encoder = BrokenEncoder()
    results["broken"] = [offline.refusal(chat(OTHER)), offline.refusal(chat(QUESTION))]
    offline.hook.guard.close()
    return results


def wrongly_scaled(model: str) -> dict[str, Any]:
    """What the handshake says where the guard's embeddings are not those that the model uses."""
    from vllm_unlearn.corruption.embedding_table import EmbeddingTable

    EmbeddingTable.scale = 3.0  # type: ignore[assignment]
    try:
        Offline(model)
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"refused": ""}


if __name__ == "__main__":
    run = wrongly_scaled if sys.argv[3:] == ["wrongly-scaled"] else main
    Path(sys.argv[2]).write_text(json.dumps(run(sys.argv[1])))
