"""The guard's settings: one YAML file, with ``VLLM_UNLEARN_*`` environment variables over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from ..classifiers.evidence import THRESHOLD
from ..corruption.operators.operators import AnyOperator
from ..vocabulary import UserError
from .plain import nearest, paths, place, plain

PREFIX = "VLLM_UNLEARN_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
DISABLE_VARIABLE = f"{PREFIX}DISABLE"
DEFAULT_FILE = Path("unlearn.yaml")
# How often the store is looked at while what it said holds, at least.
LOOKS = 2
# The one variable that holds more than a word.
_OPERATOR = ("corruption", "operator")


_MOST_CHARS = 120
# What would end a string, a tag or a piece of code that a name stands in.
_SIGNS = frozenset('"\\`<>{}')


class ConfigurationError(UserError, ValueError):
    """The settings cannot be used; the message names the setting and the remedy."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EncoderSettings(_Section):
    """The sentence encoder."""

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    """A sentence-transformers folder, ``package:PACKAGE/FOLDER``, or a hub name."""
    threads: int = Field(default=2, ge=1)
    cache_dir: Path = Field(default=Path("~/.cache/vllm-unlearn"), validate_default=True)
    """Where the encoder's ONNX export is kept, and the stand-ins of models."""

    @field_validator("cache_dir")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()


class DetectionSettings(_Section):
    """When a prompt's text counts as being about a target."""

    threshold: float = Field(default=THRESHOLD, ge=0.0, le=1.0)
    """The score from which a text that does not name a target is flagged; see ``classifiers.evidence``."""
    cascade: bool = True
    """Encode only what a first pass with a static embedding leaves in doubt."""
    benign: Path | None = None
    """Prompts that must not be flagged, of the operator's own traffic: a new target is checked on them."""
    max_fpr: float = Field(default=1e-3, gt=0.0, lt=1.0)
    """The share of benign prompts over which a new target is refused as over-broad."""
    max_chars: int | None = Field(default=None, ge=1)
    """How many characters of a request are read, its parameters included; a longer one is refused as vLLM
    refuses what is too long. By default 8 for each token of the model's length, and at least 131,072."""
    max_queued_tokens: int = Field(default=4_000_000, ge=1)
    """How many tokens of prompts may wait to be read, for each class of lengths (up to 2,048 tokens, up to
    16,384, longer); past it requests get the 503 of a busy engine."""


class CorruptionSettings(_Section):
    """What is done to a flagged prompt."""

    recipe: Path | None = None
    """A recipe file; without one, ``operator`` is used for whatever model is served."""
    operator: AnyOperator | None = None
    """Without both, stand-ins are made of the model, once."""
    apply: Literal["auto", "embeddings", "tokens"] = "auto"
    """``embeddings`` corrupts them; ``tokens`` puts neutral tokens in their place, for models that
    take no prompt embeddings; ``auto`` is embeddings wherever the model and the prompt take them."""
    max_bytes: int = Field(default=2**30, ge=1)
    """Embeddings of requests that are waiting or running, a server process, each of ``n`` copies counted;
    what comes past it is refused as vLLM refuses overload (503)."""

    @property
    def source(self) -> str:
        """What flagged tokens are corrupted by, in words."""
        if self.apply == "tokens":
            return "neutral tokens"
        if self.recipe:
            return f"the recipe {self.recipe}"
        return self.operator.operator if self.operator else "stand-ins (noise, if a server's log says so)"


class DeclineSettings(_Section):
    """What an answer says in the place of a listed name, by the kind of the target."""

    entity: str = "someone whose name I do not know"
    work: str = "a work whose title I do not know"
    topic: str = "something that I do not know"

    @field_validator("*")
    @classmethod
    def _fits_everywhere(cls, value: str) -> str:
        plain = value.isprintable() and value == value.strip() and not _SIGNS & set(value)
        if not (plain and 0 < len(value) <= _MOST_CHARS and value[0].isalnum()):
            raise ValueError(
                f"must be a phrase of at most {_MOST_CHARS} characters on one line, from its "
                "first letter on, without quotation marks, backslashes, backticks or angle and curly brackets"
            )
        return value


class Settings(_Section):
    """Everything that can be configured."""

    store: str = "forget.db"
    """The store of targets: a SQLite file (relative to the configuration file) or a database of PostgreSQL's,
    ``postgresql://user@host/database``."""
    mode: Literal["enforce", "shadow", "off"] = "enforce"
    """``shadow`` decides and counts, and changes nothing."""
    on_error: Literal["closed", "open"] = "closed"
    """What a request gets that the guard cannot decide on: a 503, or (``open``) a pass."""
    on_hit: Literal["never-knew", "decline"] = "never-knew"
    """What takes a listed name's place in an answer: what else the model says, or one of ``declines``."""
    declines: DeclineSettings = DeclineSettings()
    admin_key: SecretStr | None = Field(default=None, min_length=16)
    """Opens the admin routes; without it they do not exist."""
    answers: Literal["names", "sentences", "off"] = "names"
    """What answers are read for as they are written: listed names and recited passages; each sentence also
    for facts in a scope, and for what lies past a line; or nothing."""
    public_metrics: bool = False
    """Show all metrics to whoever reads ``/metrics``: also how many prompts are flagged, and how many
    targets there are."""
    allow_client_embeds: bool = False
    """Let clients send ``prompt_embeds`` of their own: the guard cannot read those."""
    screen_pooling: bool = True
    """Screen what a pooling model scores, classifies or embeds: numbers can tell facts, too."""
    allow_kv_connector: bool = False
    """Serve with a KV connector, which may share blocks that the guard must keep apart."""
    allow_untested_vllm: bool = False
    """Serve with a vLLM release outside of the tested range."""
    poll_seconds: float = Field(default=0.2, gt=0.0, le=10.0)
    """How often a change of the list is looked for: whether the file changed, or PostgreSQL said so."""
    max_stale_seconds: float = Field(default=10.0, gt=0.0)
    """How long the guard serves on when the store does not answer; after that it fails closed."""
    encoder: EncoderSettings = EncoderSettings()
    detection: DetectionSettings = DetectionSettings()
    corruption: CorruptionSettings = CorruptionSettings()

    @field_validator("mode", "answers", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: Any) -> Any:
        return "off" if value is False else value  # as YAML reads it without quotes


def is_configured(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether anything in the environment configures the guard."""
    return any(name.startswith(PREFIX) for name in environment)


def is_disabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the kill switch is on: ``VLLM_UNLEARN_DISABLE`` set, and not to 0, false, no or off."""
    return environment.get(DISABLE_VARIABLE, "").lower() not in ("", "0", "false", "no", "off")


def load(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of ``path``, else of ``VLLM_UNLEARN_CONFIG``, and the environment's over them.

    A nested setting is written with two underscores (``VLLM_UNLEARN_ENCODER__THREADS=4``). Raises
    ``ConfigurationError`` naming what is unknown or wrong.
    """
    if path is None and CONFIG_VARIABLE in environment:
        path = Path(environment[CONFIG_VARIABLE])
    values = read_mapping(path) if path else {}
    variables = _overlay(values, environment)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        file = str(path or "the configuration")
        problems = (_problem(problem, variables, file) for problem in error.errors())
        raise ConfigurationError("; ".join(problems)) from None
    if settings.max_stale_seconds < LOOKS * settings.poll_seconds:
        raise ConfigurationError(
            f"{path or 'the configuration'}: max_stale_seconds ({settings.max_stale_seconds:g}) is less than "
            f"{LOOKS} times poll_seconds ({settings.poll_seconds:g}): the list would be stale between two "
            "looks at the store"
        )
    return _anchor(settings, path.absolute().parent if path else Path.cwd())


class DuplicateKeyError(ValueError):
    """A setting is given twice; YAML would keep the last without a word."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                line = key.start_mark.line + 1
                raise DuplicateKeyError(f"{key.value} is given twice, again on line {line}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> dict[str, Any]:
    """The settings of a YAML file. Raises ``ConfigurationError`` where it holds none."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except DuplicateKeyError as error:
        raise ConfigurationError(f"configuration {path}: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"configuration {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"configuration {path} is not UTF-8 at byte {error.start}") from None
    except yaml.YAMLError as error:  # whose own words repeat the line, which may hold the key
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"configuration {path} is not YAML{where}") from None
    if values is not None and not isinstance(values, dict):
        raise ConfigurationError(
            f"configuration {path} must hold settings (name: value), got {type(values).__name__}"
        )
    return values or {}


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the environment's settings over ``values``; return the variable of each place."""
    variables: dict[tuple[str, ...], str] = {}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in (CONFIG_VARIABLE, DISABLE_VARIABLE):
            continue
        *sections, name = variable.removeprefix(PREFIX).lower().split("__")
        section = values
        for part in sections:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):
                raise ConfigurationError(f"{variable}: {part} has no settings inside it")
        section[name] = _operator(variable, value) if (*sections, name) == _OPERATOR else value
        variables[(*sections, name)] = variable
    return variables


def _operator(variable: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigurationError(
            f"{variable}: is not YAML; write {{operator: noise, dimensions: 32, sigma: 100}}"
        ) from None


def _problem(problem: ErrorDetails, variables: Mapping[tuple[str, ...], str], file: str) -> str:
    """One sentence, which names the variable or the file that the value is from."""
    location = problem["loc"]
    for where, variable in variables.items():
        if location[: len(where)] == where:
            inside = "".join(f"{part}: " for part in location[len(where) :])
            unknown = problem["type"] == "extra_forbidden" and not inside
            return f"{variable}: {_unknown(variable) if unknown else inside + plain(problem, Settings)}"
        if where[: len(location)] == location:
            if problem["type"] == "extra_forbidden":
                return f"{variable}: {_unknown(variable)}"
            if not problem["type"].startswith("union_tag"):
                return f"{variable}: {location[-1]} has no settings inside it"
            return f"{variable}: {plain(problem, Settings)}"
    return f"{file}: {place(location, 'the file')}: {plain(problem, Settings)}"


def _unknown(variable: str) -> str:
    name = variable.removeprefix(PREFIX)
    known = ["CONFIG", "DISABLE", *("__".join(path).upper() for path in paths(Settings))]
    same = [other for other in known if other.endswith(f"__{name}")]
    meant = same[0] if same else nearest(name, known)
    names = f"did you mean {PREFIX}{meant}?" if meant else f"after {PREFIX} stands one of {', '.join(known)}"
    return f"there is no such variable; {names}"


def _anchor(settings: Settings, base: Path) -> Settings:
    """File names are relative to the configuration, wherever the server is started from."""
    encoder: dict[str, Any] = {"cache_dir": base / settings.encoder.cache_dir}
    if settings.encoder.model.startswith("."):
        encoder["model"] = str(base / settings.encoder.model)
    update: dict[str, Any] = {"encoder": settings.encoder.model_copy(update=encoder)}
    if "://" not in settings.store:
        update["store"] = f"sqlite:///{base / Path(settings.store).expanduser()}"
    if recipe := settings.corruption.recipe:
        anchored = base / recipe.expanduser()
        update["corruption"] = settings.corruption.model_copy(update={"recipe": anchored})
    if benign := settings.detection.benign:
        anchored = base / benign.expanduser()
        update["detection"] = settings.detection.model_copy(update={"benign": anchored})
    return settings.model_copy(update=update)
