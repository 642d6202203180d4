"""The route that Prometheus scrapes."""

import hmac
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from activities.adapters.store.figures import Figures
from workers.api.signin import SignedIn
from workers.metrics import exposition
from workers.settings import Settings

_bearer = HTTPBearer(
    scheme_name="ScrapeToken", description="`OPSLOOP_METRICS_TOKEN`, or a sign-in token", auto_error=False
)


def metric_routes(read: Callable[[], Figures], settings: Settings, staff: SignedIn) -> APIRouter:
    """`/metrics`, for the scraper's own token, for staff, and for this machine in the embedded run."""
    router = APIRouter(tags=["service"])

    async def scraper(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> None:
        token = settings.metrics_token
        given = credentials.credentials if credentials else ""
        if token and hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            return
        if not given and settings.environment == "embedded" and _is_here(request):
            return
        await staff(credentials)

    @router.get(
        "/metrics",
        summary="How does the installation stand? (Prometheus)",
        response_class=Response,
        dependencies=[Depends(scraper)],
    )
    def metrics() -> Response:
        """Gauges over the store in the text format; `opsloop_store_up` is 0 when it does not answer."""
        return Response(exposition(read), media_type=CONTENT_TYPE_LATEST)

    return router


def _is_here(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
