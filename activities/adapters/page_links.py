"""Acknowledgement links: signed, bound to one person and to what the page shows, expiring.

A link is a JWT in a URL. It says which notification it came with, so that its repeats
share one use. It lets one person acknowledge a page, which approves nothing; reading it changes nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import jwt

from domain.errors import InvalidInput, NoDecisionCode
from domain.model import Record
from domain.paging import PageRequest

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "opsloop-page"
_CLAIMS: Final = ["aud", "exp", "sub", "page", "step", "digest"]
_DIGITS: Final = 32
"""Of the page's digest: SMS are short, and 128 bits are enough."""
_LONGEST: Final = 2048


class LinkClaim(Record):
    """What a link of ours says."""

    page_id: str
    person: str
    step: int
    digest: str

    @property
    def link_id(self) -> str:
        """The same for every message of one notification to one person."""
        return f"{self.page_id}/{self.step}/{self.person}"

    def shows(self, page: PageRequest) -> bool:
        """Whether it was made for this page as it is."""
        return self.page_id == page.page_id and self.digest == page.digest[:_DIGITS]


class SignedPageLinks:
    """Makes and reads links (port `PageLinks`). Runs on real time: links are technical."""

    def __init__(self, key: str, base_url: str, ttl: timedelta) -> None:
        if len(key.encode()) < 32:
            raise InvalidInput("the decision key needs at least 32 characters", field="decision_key")
        self._key = key
        self._base = base_url.rstrip("/")
        self._ttl = ttl

    def url(self, page: PageRequest, to: str, step: int) -> str:
        """The link for one notification, or `""` where no public address is known."""
        if not self._base:
            return ""
        claims = {
            "aud": _AUDIENCE,
            "exp": datetime.now(UTC) + self._ttl,
            "sub": to,
            "page": page.page_id,
            "step": step,
            "digest": page.digest[:_DIGITS],
        }
        return f"{self._base}/pages/{jwt.encode(claims, self._key, algorithm=_ALGORITHM)}"

    def read(self, token: str) -> LinkClaim:
        """What the link says. Raises `NoDecisionCode`, in words for whoever opened it."""
        try:
            if len(token) > _LONGEST:
                raise jwt.InvalidTokenError
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": _CLAIMS},
            )
            return LinkClaim(
                page_id=str(claims["page"]),
                person=str(claims["sub"]),
                step=int(claims["step"]),
                digest=str(claims["digest"]),
            )
        except jwt.ExpiredSignatureError:
            raise NoDecisionCode(
                "this link has expired; the next message brings a new one, or use `opsloop page ack`"
            ) from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise NoDecisionCode("this is not a link of ours, or it was cut off") from None
