"""Every route of the served app is known: it passes the guard, generates nothing, or is off."""

from __future__ import annotations

import json
import os
import subprocess
import sys

GUARDED = """
POST /v1/chat/completions            POST /v1/chat/completions/batch   POST /v1/completions
POST /v1/responses                   POST /v1/messages                 POST /invocations
POST /inference/v1/generate          POST /generative_scoring       POST /v1/systemone
"""
# A pooling model's: its prompts are screened as well.
SCREENED = """
POST /pooling    POST /classify    POST /score    POST /v1/score    POST /rerank    POST /v1/rerank
POST /v2/rerank  POST /v1/embeddings  POST /v2/embed
"""
# They tell of the server, count or render tokens, hand out what a guarded route made, or (operator's
# routes) need --enable-... or VLLM_SERVER_DEV_MODE and generate nothing.
HARMLESS = """
GET /openapi.json  GET /docs  GET /docs/oauth2-redirect  GET /redoc  GET /load  GET /version  GET /health
GET /metrics  GET /ping  POST /ping  GET /kv_event_sources  GET /v1/models  POST /tokenize  POST /detokenize
POST /v1/messages/count_tokens  GET /v1/responses/{response_id}  POST /v1/responses/{response_id}/cancel
POST /v1/chat/completions/render  POST /v1/messages/render  POST /v1/completions/render
POST /v1/responses/render  POST /v1/chat/completions/derender  POST /v1/completions/derender
POST /inference/v1/abort_requests  POST /scale_elastic_ep  POST /is_scaling_elastic_ep
POST /reset_prefix_cache  POST /reset_mm_cache  POST /reset_encoder_cache  GET /server_info
POST /sleep  POST /release_kv_cache_memory  POST /wake_up  GET /is_sleeping  POST /pause  POST /resume
POST /abort_requests  GET /is_paused  POST /collective_rpc  GET /get_world_size
POST /init_weight_transfer_engine  POST /shutdown_weight_transfer_engine  POST /start_weight_update
POST /start_draft_weight_update  POST /update_weights  POST /finish_weight_update
POST /update_weight_version  GET /weight_info  POST /weight_checker
"""


LIST_ROUTES = """
import json
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
args = make_arg_parser(FlexibleArgumentParser()).parse_args(["--model", "any"])
import sys, types
tasks = tuple(sys.argv[1].split())
# All that is asked of a pooling model's configuration to tell which routes it has.
model = types.SimpleNamespace(get_pooling_task=lambda tasks: "embed") if "embed" in tasks else None
routes = build_app(args, tasks, model).routes
print("ROUTES" + json.dumps(sorted({
    f"{method} {route.path}" for route in routes for method in (getattr(route, "methods", None) or ["GET"])
    if method != "HEAD"
})))
"""


def _classed(text: str) -> set[str]:
    words = text.split()
    return {f"{method} {path}" for method, path in zip(words[::2], words[1::2], strict=True)}


def _served(tasks: str) -> set[str]:
    environment = os.environ | {
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_PLUGINS": "unlearn",
        "VLLM_UNLEARN_MODE": "off",
        "VLLM_UNLEARN_ADMIN_KEY": "a key of the tests' own",
    }
    command = [sys.executable, "-c", LIST_ROUTES, tasks]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return set(json.loads(run.stdout.partition("ROUTES")[2]))


def test_every_route_is_classed() -> None:
    served = _served("generate")
    unknown = served - _classed(GUARDED) - _classed(HARMLESS)
    assert not unknown, f"does it generate? class it, and test it in tests/server: {sorted(unknown)}"
    gone = (_classed(GUARDED) | _classed(HARMLESS)) - served
    assert not gone, f"classed, and no longer served: {sorted(gone)}"


def test_every_route_of_a_pooling_model_is_classed() -> None:
    served = _served("embed token_embed classify token_classify score")
    unknown = served - _classed(SCREENED) - _classed(GUARDED) - _classed(HARMLESS)
    assert not unknown, f"does it tell anything? class it: {sorted(unknown)}"
    assert not _classed(SCREENED) - served, f"classed, and no longer served: {_classed(SCREENED) - served}"
