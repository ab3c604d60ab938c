"""What is refused before it is screened, or instead: in vLLM's own words, which tell of no guard."""

from __future__ import annotations

from vllm import PoolingParams, SamplingParams
from vllm.exceptions import VLLMValidationError
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError

from ...classifiers.work import TooLongError

# No language, and no code, has so many characters a token over the whole of a long prompt.
CHARS_PER_TOKEN = 8
# What a short model's prompt and a schema may have.
LEAST_CHARS = 131_072
# Of prompts that are not tokenized yet; it only tells a long prompt from a short one.
USUAL_CHARS_PER_TOKEN = 4


def admit(engine: AsyncLLM, request_id: str, params: SamplingParams | PoolingParams) -> None:
    """Raise what the engine would raise of any such request, so that none is screened for nothing."""
    if engine.errored:
        raise EngineDeadError()
    answers = params.n if isinstance(params, SamplingParams) else 1
    engine.check_admission(answers, request_id=request_id)


def max_chars(setting: int | None, max_tokens: int) -> int:
    """How many characters of a request are read, for a model of ``max_tokens``."""
    return setting or max(LEAST_CHARS, CHARS_PER_TOKEN * max_tokens)


def too_long(error: TooLongError, max_tokens: int) -> VLLMValidationError:
    """What a plain server says of a text that no ``max_tokens`` can hold."""
    return VLLMValidationError(
        f"This model's maximum context length is {max_tokens} tokens. However, your prompt contains "
        f"{error.characters} characters (more than {error.limit} characters, which is the upper bound for "
        f"{max_tokens} input tokens). Please reduce the length of the input prompt.",
        parameter="input_text",
        value=error.characters,
    )


def grows(params: SamplingParams | PoolingParams) -> bool:
    """Whether a request is of a beam search, which asks for a token at a time and detokenizes itself."""
    return isinstance(params, SamplingParams) and params.max_tokens == 1 and not params.detokenize


def tokens(prompt: object) -> int:
    """About how many tokens an engine's prompt has, rendered or raw."""
    if isinstance(prompt, str):
        return len(prompt) // USUAL_CHARS_PER_TOKEN
    if isinstance(prompt, list):
        return len(prompt)
    if not isinstance(prompt, dict):
        return 0
    pair = tokens(prompt.get("encoder_prompt")) + tokens(prompt.get("decoder_prompt"))
    ids = prompt.get("prompt_token_ids") or ()
    return pair + (len(ids) or tokens(prompt.get("prompt")))
