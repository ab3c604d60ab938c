"""Admin routes under ``/plugins/unlearn``: a vLLM endpoint plugin, there only where a key is set."""

from __future__ import annotations

import dataclasses
import hmac
from argparse import Namespace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import State

from ..classifiers.prompt_file import PromptFileError
from ..guard.configuration import load
from ..guard.guard import Guard, GuardError
from ..guard.store import StoreError, TakenError, TargetError
from ..vocabulary import ForgetTarget
from .scope import OverBroadError, examine
from .target_file import make_target

PREFIX = "/plugins/unlearn"
KEY_HEADER = "X-Unlearn-Key"


class CheckRequest(BaseModel):
    """A text to decide on."""

    text: str = Field(max_length=1_000_000)


class AdminPlugin:
    """What vLLM's ``vllm.endpoint_plugins`` group loads (``EndpointPlugin``)."""

    name = "unlearn"
    required_tasks = ("generate",)

    def __init__(self) -> None:
        key = load().admin_key
        self._key = key.get_secret_value() if key else None

    def attach_router(self, app: FastAPI) -> None:
        """Add the routes, if there is a key to guard them with."""
        if self._key:
            app.include_router(admin_router(self._key))

    async def init_state(self, engine_client: Any, state: State, args: Namespace) -> None:
        """Hand the engine's guard to the routes; None where the guard is off."""
        hook = getattr(engine_client, "_unlearn", None)
        state.unlearn_guard = hook and hook.guard


def _guard(request: Request) -> Guard:
    guard = getattr(request.app.state, "unlearn_guard", None)
    if not isinstance(guard, Guard):
        raise HTTPException(503, "no guard runs in this server (mode off, or VLLM_UNLEARN_DISABLE)")
    return guard


TheGuard = Annotated[Guard, Depends(_guard)]


def admin_router(key: str) -> APIRouter:
    """The routes, each of them only for who knows ``key``."""
    expected = key.encode()

    def check_key(given: Annotated[str, Header(alias=KEY_HEADER)] = "") -> None:
        if not hmac.compare_digest(given.encode("latin-1"), expected):  # as HTTP decodes headers
            raise HTTPException(401, f"give the admin key in the header {KEY_HEADER}")

    router = APIRouter(prefix=PREFIX, dependencies=[Depends(check_key)], include_in_schema=False)
    router.add_api_route("/targets", list_targets, methods=["GET"])
    router.add_api_route("/targets", forget, methods=["POST"])
    router.add_api_route("/targets/{target_id}", remember, methods=["DELETE"])
    router.add_api_route("/generation", generation, methods=["GET"])
    router.add_api_route("/status", status, methods=["GET"])
    router.add_api_route("/check", check, methods=["POST"])
    return router


def list_targets(guard: TheGuard) -> list[ForgetTarget]:
    """All targets of the newest generation."""
    with _as_http():
        return list(guard.store.targets())


async def forget(
    request: Request, guard: TheGuard, replace: bool = False, force: bool = False
) -> JSONResponse:
    """Add one target (the body, JSON) and return its generation; an over-broad one only with ``force``."""
    from starlette.concurrency import run_in_threadpool

    try:
        fields = await request.json()
        if not isinstance(fields, dict):
            raise ValueError("a target is an object")
        target = make_target(**fields)
    except (ValueError, RecursionError) as error:  # a JSONDecodeError is a ValueError
        raise HTTPException(400, f"the body is no target: {error}") from None
    with _as_http():
        listed = await run_in_threadpool(_forget, guard, target, replace, force)
    return JSONResponse(listed, 201)


def _forget(guard: Guard, target: ForgetTarget, replace: bool, force: bool) -> dict[str, Any]:
    finding = examine([target], guard.store, guard.settings, guard.encoder)
    if not force:
        finding.refuse("force=true")
    actor = "admin api, forced" if finding.over_broad else "admin api"
    number = guard.store.forget([target], replace=replace, actor=actor)
    listed: dict[str, Any] = {"id": target.id, "generation": number}
    listed |= {"notes": finding.notes} if finding.notes else {}
    return listed | ({"warnings": finding.warnings} if finding.warnings else {})


def remember(target_id: str, guard: TheGuard) -> dict[str, int]:
    """Take one target off the list and return the generation without it."""
    with _as_http():
        return {"generation": guard.store.remember([target_id], actor="admin api")}


def generation(guard: TheGuard) -> dict[str, int]:
    """The newest generation of the store, and the one that this process serves."""
    with _as_http():
        return {"stored": guard.store.head().generation, "served": guard.generation}


def status(guard: TheGuard) -> dict[str, Any]:
    """What is served, by which replicas."""
    with _as_http():
        return {
            **generation(guard),
            "mode": guard.settings.mode,
            "index": guard.sizes,
            "replicas": [dataclasses.asdict(replica) for replica in guard.store.replicas()],
        }


def check(body: CheckRequest, guard: TheGuard) -> dict[str, Any]:
    """Decide on a text as on a prompt, and say why."""
    with _as_http():
        return dataclasses.asdict(guard.screen(body.text))


class _as_http:  # noqa: N801
    """Our errors as the client's (404, 409, 422) or the server's (503)."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TargetError):
            raise HTTPException(409 if isinstance(error, TakenError) else 404, str(error)) from None
        if isinstance(error, OverBroadError):
            raise HTTPException(422, str(error)) from None
        if isinstance(error, StoreError | GuardError | PromptFileError):
            raise HTTPException(503, str(error)) from None
