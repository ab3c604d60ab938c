from __future__ import annotations

import re
from pathlib import Path

import pytest
from vllm_unlearn.corruption.operators.operators import Noise, ZeroOut
from vllm_unlearn.guard.configuration import ConfigurationError, Settings, is_configured, is_disabled, load

SECRET = "s3cret-admin-key-of-mine"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "unlearn.yaml"


def test_every_setting_has_a_default(file: Path) -> None:
    file.write_text("")
    settings = load(file, {})
    assert settings == Settings(store=f"sqlite:///{file.parent / 'forget.db'}")
    assert (settings.mode, settings.on_error, settings.admin_key) == ("enforce", "closed", None)
    assert not settings.allow_client_embeds
    assert settings.encoder.cache_dir == Path.home() / ".cache" / "vllm-unlearn"


def test_settings_are_read_from_the_file(file: Path) -> None:
    file.write_text(
        f"store: postgresql://host/db\nmode: shadow\nadmin_key: {SECRET}\nencoder: {{threads: 4}}\n"
        "detection: {threshold: 0.6, max_fpr: 0.01, benign: chats.txt}\n"
        "corruption: {operator: {operator: zero_out, top: 9}, apply: tokens}\n"
    )
    settings = load(file, {})
    assert (settings.store, settings.mode) == ("postgresql://host/db", "shadow")
    assert settings.encoder.threads == 4
    assert (settings.detection.threshold, settings.detection.max_fpr) == (0.6, 0.01)
    assert settings.detection.benign == file.parent / "chats.txt"
    assert settings.corruption.operator == ZeroOut(top=9)
    assert settings.corruption.apply == "tokens"
    assert settings.admin_key and settings.admin_key.get_secret_value() == SECRET


def test_file_names_are_relative_to_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the server is started from."""
    monkeypatch.chdir("/")
    file.write_text("store: data/x.db\ncorruption: {recipe: r.safetensors}\n")
    settings = load(file, {})
    assert settings.store == f"sqlite:///{tmp_path}/data/x.db"
    assert settings.corruption.recipe == tmp_path / "r.safetensors"
    file.write_text("store: /elsewhere/x.db\ncorruption: {recipe: ~/r.safetensors}\n")
    settings = load(file, {})
    assert settings.store == "sqlite:////elsewhere/x.db"
    assert settings.corruption.recipe == Path.home() / "r.safetensors"


def test_the_encoders_file_names_are_relative_to_the_file_too(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    file.write_text("encoder: {model: ./minilm, cache_dir: cache}\n")
    settings = load(file, {})
    assert settings.encoder.cache_dir == tmp_path / "cache"
    assert Path(settings.encoder.model) == tmp_path / "minilm"


def test_the_environment_overlays_the_file(file: Path) -> None:
    file.write_text("mode: shadow\nencoder: {threads: 4, model: a}\n")
    environment = {
        "VLLM_UNLEARN_CONFIG": str(file),
        "VLLM_UNLEARN_DISABLE": "1",
        "VLLM_UNLEARN_MODE": "off",
        "VLLM_UNLEARN_ALLOW_CLIENT_EMBEDS": "true",
        "VLLM_UNLEARN_ENCODER__THREADS": "8",
        "VLLM_UNLEARN_CORRUPTION__OPERATOR": "{operator: noise, sigma: 2}",
        "VLLM_OTHER": "ignored",
    }
    settings = load(None, environment)
    assert (settings.mode, settings.allow_client_embeds) == ("off", True)
    assert (settings.encoder.threads, settings.encoder.model) == (8, "a")
    assert settings.corruption.operator == Noise(sigma=2)


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, {"VLLM_UNLEARN_STORE": "x.db"})
    assert settings.store == f"sqlite:///{tmp_path / 'x.db'}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("stroe: x.db", "stroe: is not known; did you mean 'store'?"),
        ("encoder: {modle: x}", "encoder.modle: is not known; did you mean 'model'?"),
        ("mode: enforced", "mode: must be 'enforce', 'shadow' or 'off'"),
        ("poll_seconds: 0", "poll_seconds: must be greater than 0"),
        ("poll_seconds: soon", "poll_seconds: must be a number"),
        ("detection: {threshold: 1.5}", "detection.threshold: must be less than or equal to 1"),
        ("detection: {threshold: -0.1}", "detection.threshold: must be greater than or equal to 0"),
        ("detection: {max_fpr: 0}", "detection.max_fpr: must be greater than 0"),
        ("detection: {similarity: 0.5}", "detection.similarity: is not known; known are threshold, cascade"),
        ("encoder: {threads: 0}", "encoder.threads"),
        ("encoder:", "encoder: must hold names with values"),
        (
            "corruption: {operator: {operator: shuffle}}",
            "there is no operator 'shuffle'",
        ),
        ("threads: 4", "threads: is not known; did you mean 'encoder.threads'?"),
        ("encoder: {threads: 1.5}", "encoder.threads: must be a whole number"),
        ("public_metrics: maybe", "public_metrics: must be true or false"),
        ("store: 3", "store: must be text"),
        ("corruption: {recipe: 3}", "corruption.recipe: must be a file's name"),
        ("corruption: {operator: {sigma: 3}}", "corruption.operator: needs 'operator'"),
        (
            "corruption: {operator: {operator: noise, sgma: 3}}",
            "noise.sgma: is not known; did you mean",
        ),
        ("1: 2", "1: is no name: a name is text"),
        ("- store", "must hold settings"),
        ("store", "must hold settings"),
        ("mode: enforce\nstore: x\nmode: shadow", "mode is given twice, again on line 3"),
        ("encoder: {threads: 1, threads: 2}", "threads is given twice"),
        ("admin_key: short", "admin_key: must have at least 16 characters"),
        ("? [mode]\n: off", "is not YAML"),
        ("store: [", "is not YAML"),
        ("store: a: b", "is not YAML"),
        ("max_stale_seconds: 0.1", "max_stale_seconds (0.1) is less than 2 times poll_seconds (0.2)"),
    ],
)
def test_a_wrong_setting_is_named(file: Path, text: str, named: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert named in str(caught.value)
    assert str(file) in str(caught.value)
    assert not re.search("Input|Extra inputs|Field required|valid (dict|tuple|string|int)", str(caught.value))


@pytest.mark.parametrize("written", ["mode: off", "mode: 'off'", "mode: OFF", "\ufeffmode: off"])
def test_off_needs_no_quotes_and_a_byte_order_mark_is_read_over(file: Path, written: str) -> None:
    """YAML reads the bare word as false."""
    file.write_text(written)
    assert load(file, {}).mode == "off"


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"{file} cannot be read: No such file"):
        load(file, {})
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load(file.parent, {})
    file.write_bytes(b"store: \xff\xfe")
    with pytest.raises(ConfigurationError, match="is not UTF-8 at byte 7"):
        load(file, {})


NOT_KNOWN = "there is no such variable; did you mean VLLM_UNLEARN_"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("MDOE", "x", f"{NOT_KNOWN}MODE?"),
        ("CONFG", "x", f"{NOT_KNOWN}CONFIG?"),
        ("THREADS", "4", f"{NOT_KNOWN}ENCODER__THREADS?"),
        ("ENCODER_THREADS", "4", f"{NOT_KNOWN}ENCODER__THREADS?"),
        ("ENCODER__THREDS__X", "4", f"{NOT_KNOWN}ENCODER__THREADS?"),
        (
            "QQQQ",
            "x",
            "there is no such variable; after VLLM_UNLEARN_ stands one of CONFIG, ",
        ),
        ("MODE__X", "x", "mode has no settings inside it"),
        ("POLL_SECONDS__X", "x", "poll_seconds has no settings inside it"),
        ("POLL_SECONDS", "x", "must be a number"),
        ("MODE", "enforced", "must be 'enforce', 'shadow' or 'off'; did you mean 'enforce'?"),
        ("ENCODER", "x", "must hold names with values"),
        ("CORRUPTION__OPERATOR", "{", "is not YAML; write {operator: noise"),
        ("CORRUPTION__OPERATOR", "{operator: nois}", "there is no operator 'nois'; there are noise"),
        ("CORRUPTION__OPERATOR", "{operator: noise, sgma: 1}", "noise: sgma: is not known; did you mean"),
        ("CORRUPTION__OPERATOR__SIGMA", "1", "needs 'operator', which says what it is"),
    ],
)
def test_a_wrong_variable_is_named_and_no_file_is_blamed(
    file: Path, variable: str, value: str, named: str
) -> None:
    file.write_text("mode: shadow")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {f"VLLM_UNLEARN_{variable}": value})
    assert str(caught.value).startswith(f"VLLM_UNLEARN_{variable}: {named}")
    assert "unlearn.yaml" not in str(caught.value)


def test_each_of_several_faults_is_told_with_its_place(file: Path) -> None:
    file.write_text("stroe: x\nencoder: {threads: 0}")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"VLLM_UNLEARN_MODE": "x"})
    assert all(f"{file}: {part}" in str(caught.value) for part in ("stroe: is not", "encoder.threads: must"))
    assert "VLLM_UNLEARN_MODE: must be" in str(caught.value)


@pytest.mark.parametrize("text", ["admin_key: short-s3cret", "admin_key: [s3cret-s3cret-s3cret]"])
def test_an_unusable_admin_key_is_refused_without_repeating_it(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="admin_key") as caught:
        load(file, {})
    assert "s3cret" not in str(caught.value)


def test_the_admin_key_is_never_shown(file: Path) -> None:
    file.write_text(f"admin_key: {SECRET}")
    settings = load(file, {})
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "text",
    [f"admin_key: {SECRET}: x", f'admin_key: "{SECRET}', f"admin_key={SECRET}", f"[admin_key, {SECRET}]"],
)
def test_no_error_shows_the_admin_key(file: Path, text: str) -> None:
    file.write_text(f"mode: shadow\n{text}\n" if ": " in text else text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "disabled"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)]
)
def test_the_kill_switch(value: str | None, disabled: bool) -> None:
    environment = {} if value is None else {"VLLM_UNLEARN_DISABLE": value}
    assert is_disabled(environment) is disabled


def test_installed_is_not_configured() -> None:
    assert not is_configured({"VLLM_PLUGINS": "unlearn", "PATH": "/bin"})
    assert is_configured({"VLLM_UNLEARN_CONFIG": "x"})


def test_declines_are_a_phrase_for_each_kind_in_any_language(file: Path) -> None:
    file.write_text("on_hit: decline\ndeclines: {entity: 'jemand, den ich nicht kenne'}\n")
    settings = load(file, {"VLLM_UNLEARN_DECLINES__WORK": "某书"})
    assert (settings.on_hit, settings.declines.entity) == ("decline", "jemand, den ich nicht kenne")
    assert settings.declines.work == "某书"


@pytest.mark.parametrize("wrong", ["''", "' x'", r'"a\nb"', "'a \"b\"'", "-", "x" * 121])
def test_declines_that_fit_no_place_are_refused(wrong: str, file: Path) -> None:
    file.write_text(f"declines: {{entity: {wrong}}}\n")
    with pytest.raises(ConfigurationError, match=r"declines\.entity: must"):
        load(file, {})
