"""What the ledger is told of a run before its first byte leaves."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.core.version import version
from ordersheet.pipeline.intake import policy_of

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.config.target import Target
    from ordersheet.ledger import Ledger, RunInfo, RunStart
    from ordersheet.pipeline.intake import Prepared


def start_of(
    prepared: Prepared,
    settings: Settings,
    target: Target,
    ledger: Ledger,
    sha256: str | None,
    *,
    same_store: bool,
    copy: Path | None = None,
) -> RunStart:
    """Put together what is known of a run of this input.

    Args:
        prepared: the input, read to its end once.
        settings: every setting.
        target: where it goes.
        ledger: knows the key by a fingerprint.
        sha256: of the input's bytes.
        same_store: somebody said that a new key belongs to the same shop.
        copy: the ledger's private copy of the input.
    """
    facts = prepared.table.facts
    source = str(prepared.path.absolute()) if prepared.path is not None else "(frame)"
    return replace(
        start_by(settings, target, ledger, source, same_store=same_store),
        mapping=prepared.column_map.to_json(),
        sha256=sha256,
        copy=copy,
        sheet=facts.sheet,
        header_row=facts.header_row,
        policy=policy_of(settings),
        encoding=facts.encoding,
    )


def start_over(
    info: RunInfo, settings: Settings, target: Target, ledger: Ledger, *, same_store: bool
) -> RunStart:
    """Put together what is known of a run over the input of another run.

    Args:
        info: the other run.
        settings: every setting.
        target: where it goes.
        ledger: knows the key by a fingerprint.
        same_store: somebody said that a new key belongs to the same shop.
    """
    return replace(
        start_by(settings, target, ledger, info.input, same_store=same_store),
        mapping=info.mapping,
        sha256=info.sha256,
        sheet=info.sheet,
        header_row=info.header_row,
        encoding=info.encoding,
    )


def start_by(
    settings: Settings, target: Target, ledger: Ledger, source: str, *, same_store: bool
) -> RunStart:
    """Put together who starts a run, where it goes and by which settings.

    Args:
        settings: every setting.
        target: where it goes.
        ledger: knows the key by a fingerprint.
        source: the input's absolute path, or words for what is no file.
        same_store: somebody said that a new key belongs to the same shop.
    """
    from ordersheet.ledger import RunStart, this_person

    person, key = this_person(), settings.api_key
    return RunStart(
        store=target.store,
        host=target.host,
        profile=settings.profile,
        tool_version=version(),
        user=person.name,
        uid=person.uid,
        machine=platform.node(),
        options=settings.as_options(),
        input=source,
        settle=settings.settle,
        key_print=ledger.key_print(key.reveal()) if key is not None else None,
        same_store=same_store,
    )
