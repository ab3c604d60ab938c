"""``vllm-unlearn doctor``: is a running server really guarded?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...guard.canary import canaries
from ...guard.configuration import is_configured
from ...guard.store.store import Store
from ..terminal import Config, config_file, fail, note, progress, report_faults, settings_of, show

# By the mode that the server's metrics tell.
_WHY = {
    None: ": its metrics tell of no guard",
    "off": ": its mode is off",
    "shadow": ": its mode is shadow, which counts and suppresses nothing",
}
_COLOURS = {"guarded": "green", "not served": "dim", "not guarded": "red", "cannot tell": "red"}


@report_faults
def doctor(
    url: Annotated[
        str, typer.Argument(help="The server, such as http://localhost:8000.")
    ] = "http://localhost:8000",
    api_key: Annotated[
        str | None, typer.Option(envvar="VLLM_API_KEY", help="The server's own API key.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Default: the first that the server lists.")] = None,
    admin_key: Annotated[
        str | None,
        typer.Option(envvar="VLLM_UNLEARN_ADMIN_KEY", help="Asks the server for its canary names."),
    ] = None,
    config: Config = None,
) -> None:
    """Ask a running server, on every surface, whether it is really guarded. Exit status 0 only if so.

    The names that it asks about are the deployment's own: from the server, with its admin key, or from the
    store that the configuration names.
    """
    import httpx

    from ..doctor import Doctor, NotServedError, are_answers_read

    try:
        names = _canaries(url, admin_key, config)
        examiner = Doctor(url, names, api_key, model)
        note(f"asking {url} on each surface: a minute or two on a CPU")
        findings, mode = list(examiner.examine(partial(progress, "asking"))), examiner.mode()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{url} does not answer: {error}")
    except NotServedError as error:
        fail(f"{url} serves no {error}: is it vLLM's?")
    show(("surface", "state", "why"), ((f.surface, f.state, f.detail) for f in findings), _COLOURS)
    states = [finding.state for finding in findings]
    bad = [state for state in states if state in ("not guarded", "cannot tell")]
    if bad or "guarded" not in states:
        fail(f"{len(bad)} surfaces are not known to be guarded{_WHY.get(mode, '')}")
    if len(names) > 2 and not are_answers_read(findings):
        fail("answers are not known to be read: on no surface does this model repeat names")


def _canaries(url: str, admin_key: str | None, config: Path | None) -> Sequence[str]:
    """From the server, or from the store: whoever may read either may know them."""
    from ..doctor import NotServedError, fetch_canaries

    if admin_key and not config:
        try:
            return fetch_canaries(url, admin_key)
        except NotServedError:
            fail(f"{url} has no admin routes for this key: is it the admin_key of its configuration?")
    if config_file(config) is None and not is_configured():
        fail("the names to ask about are the deployment's own: give --admin-key, or its file with --config")
    settings = settings_of(config)
    return canaries(Store(settings.store).head().store_id, settings.answers != "off")
