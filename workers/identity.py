"""Who is asking: sign-in tokens, and the local keys that sign them.

A token only says which principal it is. Roles and groups come from the directory at each request, so
that somebody who left, or lost a role, loses it at once.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Literal

import jwt

from domain.errors import InvalidInput, NotFound, OpsloopError
from domain.people import Directory, Principal, Role
from workers.settings import Settings

AUDIENCE: Final = "opsloop-api"
_ALGORITHM: Final = "HS256"
_SHORTEST_KEY = 32

KeyName = Literal["identity", "decision"]


class NotSignedIn(OpsloopError):
    """The request carries no token that proves who sends it."""

    code: ClassVar[str] = "not_signed_in"


class Identity:
    """Issues and reads sign-in tokens (JWT, HS256 only, audience `opsloop-api`)."""

    def __init__(
        self, key: str, directory: Callable[[], Directory], ttl: timedelta = timedelta(hours=8)
    ) -> None:
        if len(key) < _SHORTEST_KEY:
            raise InvalidInput(f"the identity key must have at least {_SHORTEST_KEY} characters")
        self._key = key
        self._directory = directory
        self._ttl = ttl

    def issue(self, principal_id: str) -> str:
        """A token for this principal. Raises `NotFound`, listing who there is, for a stranger."""
        directory = self._directory()
        if directory.principal(principal_id) is None:
            raise NotFound(
                f"there is no principal {principal_id!r} in the directory; known by role: "
                f"{principals_by_role(directory)}"
            )
        now = datetime.now(UTC)
        claims = {"sub": principal_id, "aud": AUDIENCE, "iat": now, "exp": now + self._ttl}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def principal(self, token: str) -> Principal:
        """The principal behind a token, with the roles held now. Raises `NotSignedIn`."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["sub", "aud", "exp", "iat"]},
            )
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("the sign-in token has expired; sign in again") from None
        except jwt.InvalidAudienceError:
            raise NotSignedIn(f"the token was not made for this service (audience {AUDIENCE})") from None
        except jwt.InvalidSignatureError:
            raise NotSignedIn("the sign-in token was not signed by this installation") from None
        except jwt.InvalidTokenError:
            raise NotSignedIn(
                "the sign-in token cannot be read; expected a JWT from `opsloop token`"
            ) from None
        principal = self._directory().principal(claims["sub"])
        if principal is None:
            raise NotSignedIn("the token's principal is no longer in the directory")
        return principal


def principals_by_role(directory: Directory) -> str:
    """The ids of all principals, role by role, in one line."""
    parts = []
    for role in Role:
        ids = [each.id for each in directory.principals if each.may(role)]
        if ids:
            parts.append(f"{role}: {', '.join(ids)}")
    return "; ".join(parts)


def key_from(settings: Settings, name: KeyName, *, create: bool = True) -> str:
    """The signing key: from its setting, else from `<data_dir>/keys/<name>.key`.

    The file is made on first use, readable by its owner alone. Raises `NotFound` when it is absent and
    `create` is false, `InvalidInput` when others may read it or it is too short.
    """
    configured = settings.identity_key if name == "identity" else settings.decision_key
    if configured is not None:
        return configured.get_secret_value()
    path = settings.data_dir / "keys" / f"{name}.key"
    if not path.exists():
        if not create:
            raise NotFound(
                f"there is no key at {path}: run this in the folder where `opsloop up` runs, "
                f"or set OPSLOOP_{name.upper()}_KEY or OPSLOOP_TOKEN"
            )
        _create_key(path)
    return _read_key(path)


def _create_key(path: Path) -> None:
    """Writes a new key beside its place and links it there, so that the first of several processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _read_key(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise InvalidInput(f"{path} can be read by others (mode {mode:o}); expected 600: chmod 600 {path}")
    key = path.read_text(encoding="ascii").strip()
    if len(key) < _SHORTEST_KEY:
        raise InvalidInput(f"{path} holds a key of {len(key)} characters; expected at least {_SHORTEST_KEY}")
    return key
