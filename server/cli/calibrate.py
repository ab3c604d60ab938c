"""``vllm-unlearn calibrate``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from ...guard.configuration import CONFIG_VARIABLE
from ..terminal import AsJson, Config, config_file, fail, progress, report_faults, say, settings_of, show


@report_faults
def calibrate(
    benign: Annotated[
        Path | None,
        typer.Option(
            help="Your benign prompts: JSON Lines or plain text, .gz or not. Default: detection.benign."
        ),
    ] = None,
    max_fpr: Annotated[
        float | None,
        typer.Option(help="The share of benign prompts that may be flagged. Default: detection's."),
    ] = None,
    confidence: Annotated[float, typer.Option(help="How sure that must be.")] = 0.95,
    forget: Annotated[
        Path | None, typer.Option(help="Prompts about targets (text, target): the recall that is left.")
    ] = None,
    write: Annotated[bool, typer.Option(help="Put the threshold into the configuration.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Fit the detection threshold to your own benign traffic, with a guarantee."""
    from ...classifiers.calibration.prompt_file import read_prompts
    from ..calibrate import fit
    from ..yaml_setting import write_setting

    settings, path = settings_of(config), _file_to_write(config) if write else None
    file = benign or settings.detection.benign
    if file is None:
        fail("give --benign FILE, or name one in the configuration (detection: {benign: FILE})")
    fitted = fit(
        settings,
        read_prompts(file),
        read_prompts(forget) if forget else [],
        settings.detection.max_fpr if max_fpr is None else max_fpr,
        confidence,
        progress,
    )
    if as_json:
        typer.echo(json.dumps(fitted.as_json()))
    else:
        show(("figure", "now", "new"), fitted.rows())
        say("\n".join(fitted.lines()))
    threshold = fitted.calibration.threshold
    if path:
        write_setting(path, "detection", "threshold", threshold)
    if not as_json:
        done = f"written to {path}; restart the servers" if path else f"--write puts {threshold:g} into"
        say(done if path else f"{done} the configuration")


def _file_to_write(config: Path | None) -> Path:
    """The configuration file that a setting is to be written to. Fails where another place rules it."""
    variable = "VLLM_UNLEARN_DETECTION__THRESHOLD"
    if variable in os.environ:
        fail(f"{variable} is set, and rules over any file: change it there, or unset it")
    path = config_file(config) or (CONFIG_VARIABLE in os.environ and Path(os.environ[CONFIG_VARIABLE]))
    return path or fail("no configuration file is used here: run `vllm-unlearn init`, or name one")
