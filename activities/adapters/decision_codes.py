"""Decision codes: short-lived proofs that a signed-in person decides on exactly what was shown.

A code is a JWT, signed with a key that API, CLI and workers share. It names the principal, what the code
is for, and the digest of the content. Roles and groups are never read from it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import jwt

from activities.messages import CodeCheck, CodeVerdict
from domain.errors import InvalidInput, NotFound
from domain.people import Directory

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "opsloop-decision"
_ISSUER: Final = "opsloop"
_CLAIMS: Final = ["aud", "iss", "iat", "exp", "jti", "sub", "purpose", "subject", "digest"]
_SKEW: Final = timedelta(seconds=5)
"""How far the clocks of two of our machines may differ."""
_LONGEST: Final = 4096


class DecisionCodes:
    """Gives and verifies codes (port `CodeVerifier`). Runs on real time: codes are technical."""

    def __init__(self, key: str, directory: Callable[[], Directory], ttl: timedelta) -> None:
        if len(key.encode()) < 32:
            raise InvalidInput("the decision key needs at least 32 characters", field="decision_key")
        if ttl <= timedelta(0):
            raise InvalidInput("decision codes must be good for some time", field="decision_code_ttl_s")
        self._key = key
        self._directory = directory
        self._ttl = ttl

    def issue(self, principal_id: str, purpose: str, subject: str, digest: str) -> str:
        """A code for a signed-in principal. Raises `NotFound` when the directory does not have them."""
        if self._directory().principal(principal_id) is None:
            raise NotFound("the directory has no such principal")
        now = datetime.now(UTC)
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + self._ttl,
            "jti": uuid4().hex,
            "sub": principal_id,
            "purpose": purpose,
            "subject": subject,
            "digest": digest,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, check: CodeCheck) -> CodeVerdict:
        """The principal as the directory has them now, or one plain problem; a bad code never raises."""
        if not check.code.strip():
            return CodeVerdict(problem=_how_to_get_one(check))
        try:
            claims = self._claims(check.code.strip())
            # Looked at after the rest, so that only a code that is ours is told when it expired.
            expires = datetime.fromtimestamp(claims["exp"], UTC)
        except jwt.InvalidSignatureError:
            return CodeVerdict(problem="the code's signature is not ours")
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError):
            return CodeVerdict(problem="this is not a decision code")
        if expires <= datetime.now(UTC) - _SKEW:
            return CodeVerdict(problem=f"the code expired at {expires:%Y-%m-%d %H:%M:%S} UTC: get a new one")
        reviewing = check.purpose == "decide"
        if claims["purpose"] != check.purpose or claims["subject"] != check.subject:
            return CodeVerdict(
                problem=f"the code was given for another {'review' if reviewing else 'command or ticket'}"
            )
        if claims["digest"] != check.digest:
            change = (
                "the review changed since it was shown" if reviewing else "the command is not what was asked"
            )
            return CodeVerdict(problem=f"the code was given for another content: {change}")
        principal = self._directory().principal(claims["sub"])
        if principal is None:
            return CodeVerdict(problem="the principal that the code was given to no longer exists")
        return CodeVerdict(principal=principal)

    def _claims(self, code: str) -> dict[str, Any]:
        """What a code of ours says, expired or not. Raises `PyJWTError` or `ValueError` for any other."""
        if len(code) > _LONGEST:
            raise ValueError("too long")
        return jwt.decode(
            code,
            self._key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            leeway=_SKEW,
            options={"require": _CLAIMS, "verify_exp": False},
        )


def _how_to_get_one(check: CodeCheck) -> str:
    if check.purpose == "decide":
        return f"no code given: get one with `opsloop review code {check.subject}`"
    if check.purpose == "ack:page":
        return (
            f"no code given: acknowledge with `opsloop page ack {check.subject}` or the link in the message"
        )
    verb = check.purpose.removeprefix("command:")
    return f"no code given: a signed-in operator gives this command with `opsloop ticket {verb}` or the API"
