"""The way to what fsspec reaches, and what its packages say in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ordersheet.core.errors import SettingsError
from ordersheet.core.file_place import READ_ONLY, shown_url
from ordersheet.remote import sftp

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

EXTRAS = {"sftp": "sftp", "ssh": "sftp", "s3": "s3"}
"""By protocol: the extra of ordersheet that brings its package."""
Filesystem: TypeAlias = "AbstractFileSystem"
"""What speaks a protocol; a package's own knows no other common type."""
_LONGEST_WORDS = 200


def filesystem_class(url: str) -> type[Filesystem]:
    """Give what speaks the protocol of a URL.

    Raises:
        SettingsError: nothing does, or the package for it is not installed.
    """
    import fsspec

    scheme = url.partition("://")[0]
    try:
        found: type[Filesystem] = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        extra = EXTRAS.get(scheme)
        package = f"ordersheet[{extra}]" if extra else "fsspec[http]" if scheme in READ_ONLY else None
        mend = f"Install it with: pip install '{package}'" if package else f"It says: {error}"
        raise SettingsError(
            f"{shown_url(url)} needs a package for {scheme} that is not installed. {mend}", code="no-package"
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"{shown_url(url)} has a protocol that nothing here knows.", code="bad-url"
        ) from error
    return found


def path_of(url: str) -> str:
    """Give the path of a URL, as its protocol's package has it."""
    return str(filesystem_class(url)._strip_protocol(url))  # noqa: SLF001 - fsspec's own way to a path


def connected(url: str, options: dict[str, Any]) -> Filesystem:
    """Connect to what a URL names; a connection is nobody else's.

    Args:
        url: the URL.
        options: for the protocol's package.
    """
    import fsspec

    scheme = url.partition("://")[0]
    options = {**(sftp.options() if scheme in sftp.PROTOCOLS else {}), **options}
    if scheme in READ_ONLY:
        return fsspec.filesystem(scheme, skip_instance_cache=True, **options)
    return fsspec.core.url_to_fs(url, skip_instance_cache=True, **options)[0]


def says_gone(error: BaseException) -> bool:
    """Tell whether an error says that a file is not there."""
    # asyncssh's own error for what its server does not have; sshfs hands some of them on as they are.
    return isinstance(error, FileNotFoundError) or type(error).__name__ == "SFTPNoSuchFile"


def sentence(error: BaseException, rights: str) -> str:
    """Say in a sentence what a protocol's package means.

    Args:
        error: what it raised.
        rights: what to do where the server does not allow it.
    """
    if type(error).__name__ in sftp.KEY_FAULTS:
        return (
            "its host key is not known here, or is another one than before. Compare its fingerprint with the "
            "one that its operator gives, then add it to ~/.ssh/known_hosts (ssh-keyscan prints it)."
        )
    if type(error).__name__ == "SFTPPermissionDenied":
        return f"the server does not allow it. {rights}."
    if type(error.__cause__).__name__ == "PermissionDenied":
        return "the server does not let this user in. Try it with sftp, and give it the key of this computer."
    words = " ".join(str(error).split()) or type(error).__name__
    return f"it cannot be reached or used ({type(error).__name__}: {words[:_LONGEST_WORDS]})."
