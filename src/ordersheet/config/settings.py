"""Settings: flags > environment > your ordersheet.toml > the working folder's > defaults, validated once.

The `ordersheet.toml` of the working folder may say how sheets are read, mapped and reported, and nothing
else: a file planted in a shared folder could otherwise send the key elsewhere, or decide what is written.
"""

from __future__ import annotations

import os
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ordersheet.api import normal_base
from ordersheet.config.api_key import key_from_file, saved_key
from ordersheet.config.large_files_place import refuse_open_secret
from ordersheet.config.ledger_place import refuse_open_password
from ordersheet.config.options import BY_NAME, OPTIONS, Option
from ordersheet.core.errors import SettingsError
from ordersheet.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ordersheet.config.options.types import RowNumbers, Share
    from ordersheet.core.file_place import FilePlace
    from ordersheet.core.ledger_url import LedgerUrl

FILE_NAME = "ordersheet.toml"
DEFAULT = "default"
"""The source of a setting that nobody has set."""
API_KEY = "api-key"
SANDBOX_PROFILE = "sandbox"
TABLES = ("profiles", "jobs")
"""What a settings file has beside settings: only a person's own, never the working folder's."""


class SandboxAddress(NamedTuple):
    """A running sandbox, as the built-in profile `sandbox` finds it."""

    base_url: str
    key: str


SandboxFinder: TypeAlias = "Callable[[], SandboxAddress | None]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked. The options' table (`options.py`) says what each means."""

    sheet: str | None
    encoding: str | None
    delimiter: str | None
    hidden: str
    allow_empty: bool
    allow_empty_rows: bool
    limit: int | None
    rows: RowNumbers | None
    mapping: Path | None
    save_mapping: Path | None
    set: tuple[str, ...]
    only_columns: tuple[str, ...] | None
    duplicates: str
    batch: str | None
    again: bool
    retry_no: bool
    skip_unchanged: bool
    trust_report: str | None
    same_file: bool
    same_store: bool
    max_no: Share | None
    yes: bool
    profile: str | None
    base_url: str | None
    config: Path | None
    store: str | None
    api_key_file: Path | None
    ledger: Path | LedgerUrl
    ledger_must_exist: bool
    allow_http: bool
    proxy: str | None
    ca_bundle: Path | None
    rate: float | None
    concurrency: int | str
    timeout: float
    attempts: int
    settle: float
    grace: float
    baseline: bool
    xml: bool
    report: Path | None
    overwrite: bool
    open: bool
    problems: Path | None
    online: bool
    preview: Path | None
    guard: Path | None
    json: bool
    log_format: str
    verbose: bool
    progress: bool
    wait: bool
    stores: tuple[str, ...] | None
    poll: float
    large_files: FilePlace | None
    large_from: float
    health: Path | None
    metrics: Path | None
    api_key: Secret | None = None
    folder_file: Path | None = None
    """The `ordersheet.toml` of the working folder, where it has set something."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each setting that is not a default came from, in words; `api_key` too."""

    def as_options(self) -> dict[str, object]:
        """Give the settings that are not defaults as texts, for the ledger. The key is not among them."""
        return {name: without_login(str(getattr(self, name))) for name in self.sources if name in BY_NAME}

    def of_folder(self) -> dict[str, str]:
        """Give what the `ordersheet.toml` of the working folder has set and nothing overruled, by key."""
        path = str(self.folder_file)
        return {
            option.key: _in_words(getattr(self, option.name))
            for option in OPTIONS
            if self.folder_file is not None and self.sources.get(option.name) == path
        }


def _in_words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Given(NamedTuple):
    value: object
    source: str


def resolve(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    find_sandbox: SandboxFinder | None = None,
) -> Settings:
    """Join flags, environment and settings files, and check every value once.

    Args:
        flags: what the call itself says, by option name; None means not given. `api_key` is known too.
        environ: the environment; the process's own where None.
        folder: the working folder; the process's own where None.
        find_sandbox: tells the running sandbox, for the profile of that name.

    Raises:
        SettingsError: with a line for each setting that is wrong, naming where its value came from.
    """
    environ = os.environ if environ is None else environ
    given = {
        name: _Given(value, BY_NAME[name].flag) for name, value in flags.items() if _is_given(name, value)
    }
    for option in OPTIONS:
        text = environ.get(option.env) if option.env else None
        if text and option.name not in given:
            value: object = text
            given[option.name] = _Given(value, f"environment variable {option.env}")
    faults: list[str] = []
    config = _checked("config", given, faults)
    profile = _checked("profile", given, faults)
    own_path = config if config is not None else user_file()
    own = _read_toml(own_path, must_exist=config is not None)
    if profile is None and "profile" in own:
        given["profile"] = _Given(own["profile"], str(own_path))
        profile = _checked("profile", given, faults)
    in_folder = _working_layer(folder or Path.cwd(), own_path)
    for layer in (
        _profile_layer(own, profile, own_path, find_sandbox),
        _plain_layer(own, str(own_path)),
        in_folder,
    ):
        for name, item in layer.items():
            given.setdefault(name, item)
    sandbox_key = given.pop("api_key", None)
    values = {option.name: _checked(option.name, given, faults) for option in OPTIONS}
    if faults:
        raise SettingsError("\n".join(faults), code="bad-setting")
    if "ledger" in given:
        refuse_open_password(*given["ledger"])
    if "large_files" in given:
        refuse_open_secret(values["large_files"], *given["large_files"])
    if values["ledger"] is None:
        values["ledger"] = default_ledger()
    settings = Settings(
        **values,
        folder_file=(folder or Path.cwd()) / FILE_NAME if in_folder else None,
        sources={name: item.source for name, item in given.items()},
    )
    return _with_key(settings, flags.get("api_key"), sandbox_key, environ)


def job_tables(config: Path | None) -> tuple[object, Path]:
    """Give what stands under `jobs` in the person's own settings file, and that file's path.

    Args:
        config: the file that `--config` names.
    """
    path = config if config is not None else user_file()
    return _read_toml(path, must_exist=config is not None).get("jobs", {}), path


def profile_names(config: Path | None) -> tuple[str, ...]:
    """Name the profiles of the person's own settings file.

    Args:
        config: the file that `--config` names.
    """
    path = config if config is not None else user_file()
    profiles = _read_toml(path, must_exist=config is not None).get("profiles", {})
    return tuple(profiles) if isinstance(profiles, dict) else ()


def user_file() -> Path:
    """The person's own settings file, where `--config` names no other."""
    import platformdirs

    return platformdirs.user_config_path("ordersheet", appauthor=False, roaming=True) / FILE_NAME


def default_ledger() -> Path:
    """The person's own ledger, where `--ledger` names no other."""
    import platformdirs

    return platformdirs.user_data_path("ordersheet", appauthor=False) / "ledger.db"


def _is_given(name: str, value: object) -> bool:
    return name in BY_NAME and value is not None and value not in ((), [])


def _checked(name: str, given: Mapping[str, _Given], faults: list[str]) -> Any:  # noqa: ANN401 - any setting
    option = BY_NAME[name]
    item = given.get(name)
    if item is None:
        return option.default
    try:
        return option.parse(item.value)
    except ValueError as error:
        shown = without_login(str(item.value))
        line = f"{option.key} {error}, not {shown!r} (from {item.source})."
        if line not in faults:
            faults.append(line)
        return option.default


def _read_toml(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"There is no settings file {path}.", code="no-settings-file") from None
        return {}
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}.", code="bad-settings-file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} is not valid TOML: {error}.", code="bad-settings-file"
        ) from error


def _plain_layer(table: Mapping[str, Any], source: str, prefix: str = "") -> dict[str, _Given]:
    """Turn a table of settings into given values; unknown keys are faults."""
    layer = {}
    unknown = []
    for key, value in table.items():
        option = _of_key(key)
        if key in TABLES and not prefix:
            continue
        if option is None:
            unknown.append(key)
            continue
        layer[option.name] = _Given(value, f"{prefix}{source}")
    if unknown:
        raise SettingsError(
            f"{prefix}{source} has settings that ordersheet does not know: {', '.join(sorted(unknown))}. "
            "Correct or remove them.",
            code="unknown-setting",
        )
    return layer


def _of_key(key: str) -> Option | None:
    option = BY_NAME.get(key.replace("-", "_"))
    return option if option is not None and not option.flag_only else None


def _profile_layer(
    own: Mapping[str, Any], profile: str | None, path: Path, find_sandbox: SandboxFinder | None
) -> dict[str, _Given]:
    if profile is None:
        return {}
    profiles = own.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(item, dict) for item in profiles.values()):
        raise SettingsError(
            f"profiles in {path} must be tables such as [profiles.qa].", code="bad-settings-file"
        )
    if profile in profiles:
        return _plain_layer(profiles[profile], str(path), prefix=f"[profiles.{profile}] of ")
    if profile != SANDBOX_PROFILE:
        known = ", ".join(sorted({*profiles, SANDBOX_PROFILE}))
        raise SettingsError(
            f"There is no profile {profile!r} in {path}. Known profiles: {known}.", code="unknown-profile"
        )
    running = find_sandbox() if find_sandbox is not None else None
    if running is None:
        raise SettingsError(
            "No sandbox is running. Start one in another terminal with: ordersheet sandbox", code="no-sandbox"
        )
    source = "the running sandbox"
    return {
        "base_url": _Given(running.base_url, source),
        "api_key": _Given(running.key, source),
        # Each start makes a key and orders anew: what the last one was sent, this one never heard of.
        "store": _Given(f"sandbox {sha256(running.key.encode()).hexdigest()[:8]}", source),
    }


def _working_layer(folder: Path, own_path: Path) -> dict[str, _Given]:
    path = folder / FILE_NAME
    if not path.exists() or (own_path.exists() and path.samefile(own_path)):
        return {}
    table = _read_toml(path, must_exist=True)
    forbidden = [key for key in table if (option := _of_key(key)) is not None and not option.local]
    forbidden += [name for name in TABLES if name in table]
    if forbidden:
        raise SettingsError(
            f"{path} sets {', '.join(sorted(forbidden))}, which a file in the working folder may not: "
            "it may say how sheets are read, mapped and reported, and neither where anything goes nor what "
            "is written. "
            f"Move these lines to your own settings file, {own_path}.",
            code="planted-setting",
        )
    return _plain_layer(table, str(path))


def _with_key(
    settings: Settings, passed: object, sandbox: _Given | None, environ: Mapping[str, str]
) -> Settings:
    """Find the API key: the call's own, the sandbox's, the environment, a key file, the saved one."""
    found: tuple[Secret, str] | None = None
    if passed is not None:
        found = passed if isinstance(passed, Secret) else Secret(str(passed)), "api_key"
    elif sandbox is not None and settings.base_url == sandbox_address(settings):
        # Before the environment's: a key of the real shop is neither meant for practising nor known there.
        found = Secret(str(sandbox.value)), sandbox.source
    elif environ.get("ORDERSHEET_API_KEY"):
        found = Secret(environ["ORDERSHEET_API_KEY"]), "environment variable ORDERSHEET_API_KEY"
    elif settings.api_key_file is not None:
        source = settings.sources["api_key_file"]
        found = key_from_file(settings.api_key_file, source, environ), f"{settings.api_key_file} ({source})"
    elif settings.base_url is not None:
        with suppress(SettingsError):  # an address that is none is told where it is used
            found = saved_key(normal_base(settings.base_url))
    if found is None:
        return settings
    key, source = found
    return replace(settings, api_key=key.checked(source), sources={**settings.sources, "api_key": source})


def sandbox_address(settings: Settings) -> str | None:
    """The address that the built-in profile gave, so that its key goes to no other."""
    return settings.base_url if settings.sources.get("base_url") == "the running sandbox" else None


def describe(settings: Settings) -> Iterable[tuple[str, str, str]]:
    """Give each setting, its value ("" for none) and its source; the key only as present or absent."""
    for option in OPTIONS:
        value = getattr(settings, option.name)
        shown = "" if value in (None, ()) else without_login(str(value))
        yield option.key, shown, settings.sources.get(option.name, DEFAULT)
    yield API_KEY, "present" if settings.api_key else "absent", settings.sources.get("api_key", "nowhere")


def without_login(text: str) -> str:
    """Give a text without the user name and password of an address, such as a proxy's, in it."""
    return re.sub(r"(?<=://)[^/\s]*@", "...@", text)
