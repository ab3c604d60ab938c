"""Every way to ask the served app for a generation, with the clients that people use.

Each function asks one question and returns all of the answer that is not an id or a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import Any

import anthropic
import httpx
import openai

MODEL = "smollm2"
LORA = "a-lora"
TOKENS = 16

LISTED = "Who wrote The Great Gatsby?"
INNOCENT = "What is the capital of Japan?"

VOLATILE = {"id", "created", "created_at", "completed_at", "request_id", "item_id", "_request_id"}
# What differs between two runs of plain vLLM for one request: not the answer.
VOLATILE |= {"system_fingerprint", "call_id", "metrics", "kv_transfer_params", "sequence_number"}


def settled(value: Any) -> Any:
    """``value`` as plain data without ids and times."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: settled(inner) for key, inner in value.items() if key not in VOLATILE}
    return [settled(inner) for inner in value] if isinstance(value, list) else value


def streamed(events: Iterable[Any]) -> Any:
    """The events of a stream without their texts, those alike in a row once, and the texts in one.

    vLLM joins tokens that wait while an event is sent: how many one event holds is the load of the machine.
    """
    texts: list[str] = []

    def without_text(value: Any) -> Any:
        if isinstance(value, list):
            return [without_text(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        written = {key: value[key] for key in ("content", "delta", "text") if isinstance(value.get(key), str)}
        texts.extend(written.values())
        return {key: without_text(inner) for key, inner in value.items() if key not in written}

    bare = [without_text(settled(event)) for event in events]
    return [event for event, _ in groupby(bare)], "".join(texts)


class Clients:
    """The official clients of one server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
        self.http = httpx.Client(base_url=url, timeout=300)

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a JSON body; raises for an error status."""
        return self.http.post(path, json={"model": MODEL, **body}).raise_for_status().json()

    def text_ids(self, text: str) -> list[int]:
        """The tokens of a text alone."""
        return list(self.post("/tokenize", prompt=text, add_special_tokens=False)["tokens"])

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a chat with one question."""
        return list(self.post("/tokenize", messages=[{"role": "user", "content": text}])["tokens"])


def _chat(c: Clients, text: str, **options: Any) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    options = {"model": MODEL, "max_tokens": TOKENS, "temperature": 0, **options}
    return c.openai.chat.completions.create(messages=messages, **options)


def _complete(c: Clients, prompt: Any, **options: Any) -> Any:
    options = {"model": MODEL, "max_tokens": TOKENS, "temperature": 0, **options}
    return c.openai.completions.create(prompt=prompt, **options)


def _as_prompt(text: str) -> str:
    return f"Question: {text}\nAnswer:"


SCHEMA: Any = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
TOOL: Any = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
JSON_SCHEMA: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


def _messages(c: Clients, text: str) -> Any:
    return c.anthropic.messages.create(
        model=MODEL,
        messages=[{"role": "user", "content": text}],
        max_tokens=TOKENS,
        extra_body={"temperature": 0},
    )


def _messages_streamed(c: Clients, text: str) -> Any:
    events = c.anthropic.messages.create(
        model=MODEL,
        messages=[{"role": "user", "content": text}],
        max_tokens=TOKENS,
        stream=True,
        extra_body={"temperature": 0},
    )
    return streamed(events)


def _responses(c: Clients, text: str) -> Any:
    return c.openai.responses.create(model=MODEL, input=text, max_output_tokens=TOKENS, temperature=0)


def _responses_streamed(c: Clients, text: str) -> Any:
    events = c.openai.responses.create(
        model=MODEL, input=text, max_output_tokens=TOKENS, temperature=0, stream=True
    )
    return streamed(events)


def _generate(c: Clients, text: str) -> Any:
    parameters = {"max_tokens": TOKENS, "temperature": 0, "logprobs": 0}
    return c.post("/inference/v1/generate", token_ids=c.token_ids(text), sampling_params=parameters)


def _chat_batch(c: Clients, text: str) -> Any:
    conversations = [[{"role": "user", "content": text}], [{"role": "user", "content": "Say hello."}]]
    return c.post("/v1/chat/completions/batch", messages=conversations, max_tokens=TOKENS, temperature=0)


def _invocations(c: Clients, text: str) -> Any:
    messages = [{"role": "user", "content": text}]
    return c.post("/invocations", messages=messages, max_tokens=TOKENS, temperature=0)


def _scoring(c: Clients, text: str) -> Any:
    items = ["Fitzgerald", "Tokyo"]
    return c.post("/generative_scoring", query=text, items=items, label_token_ids=[100, 200])


def chat_with_lora(c: Clients, text: str) -> Any:
    """A chat with the adapter, where the server has one."""
    return settled(_chat(c, text, model=LORA))


SURFACES: dict[str, Callable[[Clients, str], Any]] = {
    "chat": _chat,
    "chat, streamed": lambda c, t: streamed(_chat(c, t, stream=True)),
    "chat, n=2": lambda c, t: _chat(c, t, n=2, temperature=0.9, seed=7),
    "chat, logprobs": lambda c, t: _chat(c, t, logprobs=True, top_logprobs=3),
    "chat, stop string": lambda c, t: _chat(c, t, stop=["."]),
    "chat, tools": lambda c, t: _chat(c, t, tools=[TOOL], tool_choice="auto"),
    "chat, forced tool": lambda c, t: _chat(
        c, t, max_tokens=48, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "look_up"}}
    ),
    "chat, structured": lambda c, t: _chat(c, t, response_format=JSON_SCHEMA),
    "chat, beam search": lambda c, t: _chat(c, t, n=2, extra_body={"use_beam_search": True}),
    "chat, repetition penalty": lambda c, t: _chat(c, t, extra_body={"repetition_penalty": 1.3}),
    "chat, client's cache salt": lambda c, t: _chat(c, t, extra_body={"cache_salt": "a tenant"}),
    "chat, batch": _chat_batch,
    "completions": lambda c, t: _complete(c, _as_prompt(t)),
    "completions, streamed": lambda c, t: streamed(_complete(c, _as_prompt(t), stream=True)),
    "completions, echo": lambda c, t: _complete(c, _as_prompt(t), echo=True, logprobs=1),
    "completions, prompt logprobs": lambda c, t: _complete(
        c, _as_prompt(t), extra_body={"prompt_logprobs": 1}
    ),
    "completions, token ids": lambda c, t: _complete(c, c.token_ids(t)),
    "completions, two prompts": lambda c, t: _complete(c, [_as_prompt(t), "Say hello."]),
    "responses": _responses,
    "responses, streamed": _responses_streamed,
    "messages": _messages,
    "messages, streamed": _messages_streamed,
    "invocations": _invocations,
    "generate, token ids": _generate,
    "generative scoring": _scoring,
}


# A novel that is forced into the answer, of a question that names none.
LISTED_NOVEL = "The Great Gatsby"
OTHER_NOVEL = "Moby-Dick"
ABOUT_A_NOVEL = "Give me data about a novel as JSON."


def novel_schema(title: str) -> Any:
    """A novel's title, which is given, and its author, who is asked for."""
    properties = {"novel": {"const": title}, "author": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": ["novel", "author"]}


def _novel_format(title: str) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "novel", "schema": novel_schema(title)}}


def _novel_tool(title: str) -> Any:
    return {"type": "function", "function": {"name": "save", "parameters": novel_schema(title)}}


def _by(title: str) -> str:
    return f"The novel {title} was written by [A-Z][a-z]+\\. [A-Z][a-z]+ [A-Z][a-z]+\\."


def _ask(c: Clients, **options: Any) -> Any:
    return _chat(c, ABOUT_A_NOVEL, max_tokens=32, **options)


def _structured(**constraint: Any) -> Any:
    return {"extra_body": {"structured_outputs": constraint}}


def _responses_novel(c: Clients, title: str) -> Any:
    text: Any = {"format": {"type": "json_schema", "name": "novel", "schema": novel_schema(title)}}
    return c.openai.responses.create(
        model=MODEL, input=ABOUT_A_NOVEL, max_output_tokens=32, temperature=0, text=text
    )


def _generate_novel(c: Clients, title: str) -> Any:
    parameters: Any = {"max_tokens": 32, "temperature": 0, "logprobs": 1}
    parameters["structured_outputs"] = {"json": novel_schema(title)}
    ids = c.token_ids(ABOUT_A_NOVEL)
    answer = c.post("/inference/v1/generate", token_ids=ids, sampling_params=parameters)
    (choice,) = answer["choices"]
    return answer | {"text": c.post("/detokenize", tokens=choice["token_ids"])["prompt"]}


def _batch_novel(c: Clients, title: str) -> Any:
    conversations = [[{"role": "user", "content": ABOUT_A_NOVEL}], [{"role": "user", "content": "Hello."}]]
    return c.post(
        "/v1/chat/completions/batch",
        messages=conversations,
        max_tokens=32,
        temperature=0,
        response_format=_novel_format(title),
    )


def _invoke_novel(c: Clients, title: str) -> Any:
    messages = [{"role": "user", "content": ABOUT_A_NOVEL}]
    return c.post(
        "/invocations", messages=messages, max_tokens=32, temperature=0, response_format=_novel_format(title)
    )


OPEN: dict[str, Callable[[str], str]] = {
    "open letters": lambda t: f"{t[:5]}.{t[6:-2]}[a-z]{{2}}",
    "classes": lambda t: f"{t[:-2]}[{t[-2]}-{chr(ord(t[-2]) + 2)}][x-z{t[-1]}]",
    "alternatives": lambda t: f"{t[:-1]}({t[-1]}|i)",
    "another word": lambda t: f"{t[:-4]}({t[-4:]}|rdens)",
    "repetition": lambda t: f"{t[:-3]}{t[-3]}{{1,3}}{t[-2:]}",
}
"""Patterns that force a title and leave something of it open."""


def _open_novel(c: Clients, title: str, form: str) -> Any:
    return _complete(c, "Facts.", max_tokens=32, **_structured(regex=_by(OPEN[form](title))))


NAMED: Any = {"type": "function", "function": {"name": "save"}}

FORCED: dict[str, Callable[[Clients, str], Any]] = {
    "chat, schema": lambda c, t: _ask(c, response_format=_novel_format(t)),
    "chat, schema, streamed": lambda c, t: streamed(_ask(c, response_format=_novel_format(t), stream=True)),
    "chat, schema, logprobs": lambda c, t: _ask(
        c, response_format=_novel_format(t), logprobs=True, top_logprobs=0
    ),
    "chat, forced tool": lambda c, t: _ask(c, tools=[_novel_tool(t)], tool_choice=NAMED),
    "chat, choice": lambda c, t: _ask(c, **_structured(choice=[t, f"{t}, by nobody"])),
    "chat, grammar": lambda c, t: _ask(
        c, **_structured(grammar=f'root ::= "{t[:7]}" rest\nrest ::= "{t[7:]} is by " [A-Za-z. ]+')
    ),
    "completions, regex": lambda c, t: _complete(c, "Facts.", max_tokens=32, **_structured(regex=_by(t))),
    "completions, regex, streamed": lambda c, t: streamed(
        _complete(c, "Facts.", max_tokens=32, stream=True, **_structured(regex=_by(t)))
    ),
    "responses, schema": _responses_novel,
    "invocations, schema": _invoke_novel,
    "batch, schema": _batch_novel,
    "generate, schema": _generate_novel,
}


def _tagged(title: str) -> Any:
    """A title in two pieces of a structural tag, and its author."""
    elements = [
        {"type": "const_string", "value": f"The novel {title[:7]}"},
        {"type": "repeat", "min": 1, "max": 1, "content": {"type": "const_string", "value": title[7:]}},
        {"type": "regex", "pattern": r" was written by [A-Z][a-z]+\. [A-Z][a-z]+ [A-Z][a-z]+\."},
    ]
    tag = {"type": "structural_tag", "format": {"type": "sequence", "elements": elements}}
    return _structured(structural_tag=json.dumps(tag))


def _in_tokens(c: Clients, title: str) -> Any:
    """A grammar that has a title by its tokens."""
    tokens = " ".join(f"Token({token})" for token in c.text_ids(f" {title}"))
    return _structured(grammar=f'root ::= "The novel" {tokens} " was written by" [A-Za-z. ]+')


def _biased(c: Clients, title: str) -> Any:
    """A title's tokens in order, by their biases alone."""
    bias = {str(token): 100 - 5 * n for n, token in enumerate(c.text_ids(f" {title}"))}
    return _complete(
        c, "The novel", max_tokens=32, logit_bias=bias, extra_body={"repetition_penalty": 1000.0}
    )


WRITTEN: dict[str, Callable[[Clients, str], Any]] = {
    "completions, hex escapes": lambda c, t: _complete(
        c,
        "Facts.",
        max_tokens=32,
        **_structured(regex=_by("".join(f"\\x{ord(char):07x}" if char == "t" else char for char in t))),
    ),
    "completions, Lark suffix": lambda c, t: _complete(
        c,
        "Facts.",
        max_tokens=32,
        **_structured(
            grammar=f'start: t by\nt[suffix="{t[-1]}"]: /The novel {t[:-1]}/\nby: / was [A-Za-z. ]+/'
        ),
    ),
    "completions, structural tag": lambda c, t: _complete(c, "Facts.", max_tokens=32, **_tagged(t)),
    "completions, tokens": lambda c, t: _complete(c, "Facts.", max_tokens=32, **_in_tokens(c, t)),
    "completions, biases": _biased,
}
"""Other ways to write a title into an answer, in which it stands whole."""
FORCED |= WRITTEN
FORCED |= {f"completions, {form}": partial(_open_novel, form=form) for form in OPEN}
"""Surfaces that take a constraint, each made to write a novel's title."""
