"""Who sends a request: the bearer token of the `Authorization` header, on all but the open routes."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.errors import NotPermitted
from domain.people import Principal
from workers.desk.authority import reads_all
from workers.identity import Identity, NotSignedIn

SignedIn = Callable[..., Awaitable[Principal]]
"""A dependency that gives the principal of a request, or ends it."""

_bearer = HTTPBearer(
    scheme_name="SignInToken",
    bearerFormat="JWT",
    description="A sign-in token; `opsloop token NAME` prints one.",
    auto_error=False,
)


def signed_in_by(identity: Identity) -> SignedIn:
    """The dependency that lets signed-in principals through."""

    async def signed_in(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Principal:
        if credentials is None:
            raise NotSignedIn("sign in first: send the header `Authorization: Bearer <token>`")
        return identity.principal(credentials.credentials)

    return signed_in


def staff_by(identity: Identity) -> SignedIn:
    """The dependency that lets everybody through who may read all tickets: not pure intake services."""
    signed_in = signed_in_by(identity)

    async def staff(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Principal:
        principal: Principal = await signed_in(credentials)
        if not reads_all(principal):
            raise NotPermitted(
                f"{principal.id} hands tickets in and reads its own by id; lists and reviews are for staff"
            )
        return principal

    return staff
