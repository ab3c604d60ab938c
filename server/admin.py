"""Admin routes under ``/plugins/unlearn``: a vLLM endpoint plugin, there only where a key is set.

They are an app of their own, and whoever does not give the key never reaches it: the request goes on to
vLLM's routes, which know no such path. So it is answered, counted and timed as any unknown one is.
"""

from __future__ import annotations

import hashlib
import hmac
from argparse import Namespace
from typing import (
    Annotated,
    Any,
    NotRequired,  # pydantic takes no other before Python 3.12
)

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, State
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import TypedDict

from ..classifiers.json_object import read_object
from ..classifiers.work import TooLongError
from ..guard import metrics
from ..guard.canary import canaries
from ..guard.configuration import load
from ..guard.guard import Guard
from ..guard.plain import explain
from ..guard.store.difference import Difference
from ..guard.store.fleet import Replica, tell_differences
from ..guard.store.store import ExpiredError, TakenError, TargetError
from ..vocabulary import ForgetTarget, UserError
from .explanation import Check, explain_screening
from .scope import InseparableError, OverBroadError, examine
from .target_file import make_target

PREFIX = "/plugins/unlearn"
KEY_HEADER = "X-Unlearn-Key"
ACTOR = "admin api"
"""Who changed the list, in its log: a key is no person."""
MAX_BODY = 16 * 2**20
"""Bytes; a body is read whole before it is parsed."""


class CheckRequest(BaseModel):
    """A text to decide on."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    text: str = Field(max_length=1_000_000, description="what a client would send as its prompt")


class Listed(TypedDict):
    """A target that was added."""

    id: str
    generation: Annotated[int, Field(description="the first that lists it")]
    notes: NotRequired[
        Annotated[tuple[str, ...], Field(description="what flags, what else is flagged, how much is found")]
    ]
    warnings: NotRequired[Annotated[tuple[str, ...], Field(description="what may be meant otherwise")]]


class Remembered(TypedDict):
    """A target was taken off."""

    generation: Annotated[int, Field(description="the first without it")]


class Rolledback(TypedDict):
    """An earlier list is the newest again."""

    generation: Annotated[int, Field(description="the first that lists it again")]


class Generation(TypedDict):
    """The newest generation, and the one that this process serves."""

    stored: Annotated[int, Field(description="the newest of the store")]
    served: Annotated[int, Field(description="the one that this process decides on")]


class Status(Generation):
    """What is served, by which replicas."""

    current: Annotated[bool, Field(description="whether what is served is what the store lists now")]
    mode: Annotated[str, Field(description="`enforce` or `shadow`")]
    index: Annotated[
        dict[str, int], Field(description="how many `targets`, `names`, `exemplars`, `counterexamples`")
    ]
    replicas: Annotated[tuple[Replica, ...], Field(description="the processes that serve from this store")]
    differences: Annotated[
        tuple[str, ...],
        Field(description="sentences: in which encoder, recipe, model or version the replicas differ"),
    ]


# What a client may be told but the answer; FastAPI's own 422 is of wrong query parameters.
ERRORS = {
    400: "the body is wrong, or the target has expired; `detail` names the field and the remedy",
    404: "no target has this id, or there is no such generation",
    409: "the id is taken; `replace=true` replaces that target",
    413: "the body has over 16 MiB; use `vllm-unlearn forget --file`",
    422: "the target is over-broad, and nothing was changed; `force=true` lists it all the same. Or a query "
    "parameter is wrong: `detail` is then a list",
    503: "no guard runs in this server, or its store does not answer",
}


class AdminPlugin:
    """What vLLM's ``vllm.endpoint_plugins`` group loads (``EndpointPlugin``)."""

    name = "unlearn"
    required_tasks = ("generate",)

    def __init__(self) -> None:
        key = load().admin_key
        self._key = key.get_secret_value() if key else None
        self._admin = admin_app()

    def attach_router(self, app: FastAPI) -> None:
        """Put the admin app before vLLM's, if there is a key to guard it with."""
        if self._key:
            app.add_middleware(KeyedRoutes, admin=self._admin, key=self._key)

    async def init_state(self, engine_client: Any, state: State, args: Namespace) -> None:
        """Hand the engine's guard to the routes; None where the guard is off."""
        hook = getattr(engine_client, "_unlearn", None)
        self._admin.state.guard = hook and hook.guard


class KeyedRoutes:
    """ASGI middleware: requests under ``PREFIX`` that give ``key`` go to ``admin``, all others to ``app``."""

    def __init__(self, app: ASGIApp, admin: ASGIApp, key: str) -> None:
        self._app = app
        self._admin = admin
        self._digest = _digest(key.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide by the headers alone; nothing of the body is read here."""
        opens = scope["type"] == "http" and self._opens(Headers(scope=scope))
        inside = opens and scope["path"].removeprefix(scope.get("root_path", "")).startswith(f"{PREFIX}/")
        await (self._admin if inside else self._app)(scope, receive, send)

    def _opens(self, headers: Headers) -> bool:
        # Whatever the path is, so that the time tells of no path. Headers are decoded as latin-1.
        key = headers.get(KEY_HEADER)
        return key is not None and hmac.compare_digest(_digest(key.encode("latin-1")), self._digest)


def _digest(key: bytes) -> bytes:
    """The key's SHA-256 digest: of one length, whatever the key's is."""
    return hashlib.sha256(key).digest()


def _guard(request: Request) -> Guard:
    guard = getattr(request.app.state, "guard", None)
    if not isinstance(guard, Guard):
        raise HTTPException(503, "no guard runs in this server (mode off, or VLLM_UNLEARN_DISABLE)")
    return guard


TheGuard = Annotated[Guard, Depends(_guard)]


def admin_app() -> FastAPI:
    """The routes; who may ask them is the caller's business (``KeyedRoutes``)."""
    router = APIRouter(prefix=PREFIX)
    router.add_api_route("/targets", list_targets, methods=["GET"], responses=_errors(503))
    router.add_api_route(
        "/targets",
        forget,
        methods=["POST"],
        status_code=201,
        responses={201: {"model": Listed}, **_errors(400, 409, 413, 422, 503)},
        openapi_extra=_body_of(ForgetTarget),
    )
    router.add_api_route("/targets/{target_id}", remember, methods=["DELETE"], responses=_errors(404, 503))
    router.add_api_route("/rollback/{generation}", rollback, methods=["POST"], responses=_errors(404, 503))
    router.add_api_route("/diff/{before}/{after}", diff, methods=["GET"], responses=_errors(404, 503))
    router.add_api_route("/generation", generation, methods=["GET"], responses=_errors(503))
    router.add_api_route("/status", status, methods=["GET"], responses=_errors(503))
    router.add_api_route("/canaries", canary_names, methods=["GET"], responses=_errors(503))
    router.add_api_route("/metrics", private_metrics, methods=["GET"])
    router.add_api_route(
        "/check",
        check,
        methods=["POST"],
        responses={200: {"model": Check}, **_errors(400, 413, 503)},
        openapi_extra=_body_of(CheckRequest),
    )
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    return app


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": ERRORS[status]} for status in statuses}


def _body_of(model: type[BaseModel]) -> dict[str, Any]:
    """For the reference page: bodies are read by hand, beside the event loop."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def list_targets(guard: TheGuard) -> list[ForgetTarget]:
    """All targets of the newest generation."""
    with _as_http():
        return list(guard.store.targets())


async def forget(
    request: Request, guard: TheGuard, replace: bool = False, force: bool = False
) -> JSONResponse:
    """Add one target (the body, JSON) and return its generation; an over-broad one only with ``force``."""
    body = await _body(request)
    listed = await run_in_threadpool(_forget, guard, body, replace, force)
    return JSONResponse(listed, 201)


async def _body(request: Request) -> bytes:
    """All of the body. Raises 413 as soon as it is known to be over ``MAX_BODY`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the body has over {MAX_BODY:,} bytes: use `vllm-unlearn forget`")
    return bytes(body)


def _forget(guard: Guard, body: bytes, replace: bool, force: bool) -> Listed:
    try:
        target = make_target(**read_object(body, "a target"))
    except ValueError as error:
        raise HTTPException(400, f"the body is no target: {error}") from None
    with _as_http():
        admission = examine(
            [target],
            guard.store,
            guard.settings,
            guard.encoder,
            backgrounds=guard.backgrounds,
            get_sides=guard.sides,
        )
        number = admission.admit(guard.store, replace=replace, force=force, way="force=true", actor=ACTOR)
    listed: Listed = {"id": target.id, "generation": number}
    if admission.notes:
        listed["notes"] = admission.notes
    if admission.warnings:
        listed["warnings"] = admission.warnings
    return listed


def remember(target_id: str, guard: TheGuard) -> Remembered:
    """Take one target off the list and return the generation without it."""
    with _as_http():
        return {"generation": guard.store.remember([target_id], actor=ACTOR)}


def rollback(generation: int, guard: TheGuard) -> Rolledback:
    """List again what an earlier generation listed, and nothing else, as a new generation.

    What has expired since stays off.
    """
    with _as_http():
        return {"generation": guard.store.rollback(generation, actor=ACTOR)}


def diff(before: int, after: int, guard: TheGuard) -> Difference:
    """Which targets came, went and changed from one generation to another."""
    with _as_http():
        return guard.store.diff(before, after)


def generation(guard: TheGuard) -> Generation:
    """The newest generation of the store, and the one that this process serves."""
    with _as_http():
        return {"stored": guard.store.head().generation, "served": guard.generation}


def status(guard: TheGuard) -> Status:
    """What is served, by which replicas."""
    with _as_http():
        replicas = guard.store.fleet.replicas()
        return {
            **generation(guard),
            "current": guard.is_current,
            "mode": guard.settings.mode,
            "index": guard.sizes,
            "replicas": replicas,
            "differences": tell_differences(replicas),
        }


def canary_names(guard: TheGuard) -> list[str]:
    """The names that `doctor` asks about: two of prompts, and one of answers if these are read."""
    with _as_http():
        return list(canaries(guard.store.head().store_id, guard.settings.answers != "off"))


def private_metrics() -> Response:
    """All metrics of the guard, over all API server processes."""
    return Response(metrics.private_page(), media_type=CONTENT_TYPE_LATEST)


async def check(request: Request, guard: TheGuard) -> JSONResponse:
    """Decide on a text as on a prompt, and say why."""
    check = await run_in_threadpool(_check, guard, await _body(request))
    return JSONResponse(jsonable_encoder(check))


def _check(guard: Guard, body: bytes) -> Check:
    try:
        text = CheckRequest.model_validate(read_object(body, "a check")).text
    except ValidationError as error:
        raise HTTPException(400, explain(error, CheckRequest, "the body")) from None
    except ValueError as error:
        raise HTTPException(400, f"the body is no check: {error}") from None
    with _as_http():
        return explain_screening(guard, text).as_check()


# What the caller can do; the commands have options of their own.
_REMEDIES = {
    TakenError: "; give another, or take its place with replace=true",
    TargetError: f"; GET {PREFIX}/targets lists them",
}
# The first that an error is one of; any other is the server's own.
_STATUSES = {
    TakenError: 409,
    ExpiredError: 400,
    TargetError: 404,
    OverBroadError: 422,
    InseparableError: 422,
    TooLongError: 400,
}


class _as_http:  # noqa: N801
    """Our errors as the client's (400, 404, 409, 422) or the server's (503)."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UserError):
            statuses = (status for kind, status in _STATUSES.items() if isinstance(error, kind))
            remedies = (remedy for kind, remedy in _REMEDIES.items() if type(error) is kind)
            raise HTTPException(next(statuses, 503), f"{error}{next(remedies, '')}") from None
