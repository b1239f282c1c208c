"""Where files come from: folders, and what else speaks a protocol. One seam for all of them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.jobs.secrets import resolved
from ordersheet.jobs.sources.base import FileGone, Source, SourceFile, SourceGone

if TYPE_CHECKING:
    from ordersheet.jobs.definition import JobDefinition

__all__ = ["FileGone", "Source", "SourceFile", "SourceGone", "source_of"]


def source_of(job: JobDefinition) -> Source:
    """Make a job's source; nothing is asked of it yet.

    Raises:
        SettingsError: the address is none, or the package for its protocol is not installed.
    """
    source = resolved(job.source, "source", os.environ)
    job = replace(job, source=source)
    scheme, colon, _ = source.partition("://")
    if not colon or scheme == "file":
        from ordersheet.jobs.sources.folder import FolderSource

        return FolderSource.of(job)
    if scheme in ("imap", "imaps"):
        from ordersheet.jobs.sources.mail import MailSource

        return MailSource.of(job)
    from ordersheet.jobs.sources.remote import RemoteSource

    return RemoteSource.of(job)
