"""The HTTP API as one ASGI application."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from activities.adapters.store.figures import Figures
from activities.ports import AuditLog, TicketReader
from activities.ports.trends import TrendBook
from workers.api.body import JsonBodies
from workers.api.context import RequestContext
from workers.api.errors import Problem, install
from workers.api.routes_alerts import alert_routes
from workers.api.routes_channels import channel_routes
from workers.api.routes_definitions import definition_routes
from workers.api.routes_duty import duty_routes
from workers.api.routes_events import event_routes
from workers.api.routes_expiry import expiry_routes
from workers.api.routes_handlers import handler_routes
from workers.api.routes_metrics import metric_routes
from workers.api.routes_migration import migration_routes
from workers.api.routes_pages import link_routes, page_routes
from workers.api.routes_patrol import patrol_routes
from workers.api.routes_pictures import picture_routes
from workers.api.routes_rescue import rescue_routes
from workers.api.routes_reviews import review_routes
from workers.api.routes_rollout import rollout_routes
from workers.api.routes_roster import roster_routes
from workers.api.routes_service import service_routes
from workers.api.routes_spot_checks import spot_check_routes
from workers.api.routes_tickets import ticket_routes
from workers.api.routes_trends import trend_routes
from workers.api.signin import signed_in_by, staff_by
from workers.desk.alerts import AlertOffice
from workers.desk.channels import ChannelDesk
from workers.desk.duty import DutyDesk
from workers.desk.expiry import ExpiryDesk
from workers.desk.handlers import HandlerDesk
from workers.desk.paging import PageDesk
from workers.desk.patrol import PatrolDesk
from workers.desk.rescue import RescueDesk
from workers.desk.roster import RosterDesk
from workers.desk.spot_checks import SpotCheckDesk
from workers.identity import Identity
from workers.releases import ReleaseDesk
from workers.rollout import RolloutDesk
from workers.settings import Settings
from workers.tickets import TicketDesk

_DESCRIPTION: Final = (
    "Operations tickets of a bank: hand them in exactly once, see why each went where it went, answer "
    "reviews, command runs. Every error has the shape {code, message, field, request_id}; codes never "
    "change. Send a sign-in token as `Authorization: Bearer <token>`."
)
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "No valid sign-in token"},
    403: {"model": Problem, "description": "The principal may not do this"},
    404: {"model": Problem, "description": "No such ticket, review or address"},
    409: {"model": Problem, "description": "It contradicts what is already there, or comes too late"},
    413: {"model": Problem, "description": "The body is too large"},
    415: {"model": Problem, "description": "The body is not application/json"},
    422: {"model": Problem, "description": "A field is wrong; the answer names it and what was expected"},
    503: {"model": Problem, "description": "Temporal or the store does not answer; see Retry-After"},
}


def create_app(
    desk: TicketDesk,
    identity: Identity,
    reader: TicketReader,
    audit: AuditLog,
    settings: Settings,
    *,
    releases: ReleaseDesk | None = None,
    rollouts: RolloutDesk | None = None,
    alerts: AlertOffice | None = None,
    channels: ChannelDesk | None = None,
    duty: DutyDesk | None = None,
    spot_checks: SpotCheckDesk | None = None,
    pages: PageDesk | None = None,
    roster: RosterDesk | None = None,
    expiries: ExpiryDesk | None = None,
    handlers: HandlerDesk | None = None,
    patrol: PatrolDesk | None = None,
    trends: TrendBook | None = None,
    rescues: RescueDesk | None = None,
    figures: Callable[[], Figures] | None = None,
    zone: Callable[[], str] = lambda: "UTC",
) -> FastAPI:
    """The API over a ticket desk, the read model and, where given, the other desks."""
    app = FastAPI(
        title="opsloop",
        version="0.1.0",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=_ERRORS,
    )
    signed_in, staff = signed_in_by(identity), staff_by(identity)
    app.include_router(ticket_routes(desk, reader, settings, signed_in, staff))
    app.include_router(picture_routes(desk, signed_in, zone))
    app.include_router(event_routes(desk, signed_in))
    app.include_router(migration_routes(desk, signed_in, staff))
    app.include_router(review_routes(desk, reader, settings, staff))
    optional = (
        definition_routes(releases, staff) if releases else None,
        rollout_routes(rollouts, staff) if rollouts else None,
        alert_routes(alerts, staff) if alerts else None,
        channel_routes(channels, staff) if channels else None,
        duty_routes(duty, staff) if duty else None,
        spot_check_routes(spot_checks, staff) if spot_checks else None,
        page_routes(pages, staff) if pages else None,
        link_routes(pages, zone) if pages else None,
        roster_routes(roster, staff) if roster else None,
        expiry_routes(expiries, staff) if expiries else None,
        handler_routes(handlers, staff) if handlers else None,
        patrol_routes(patrol, staff) if patrol else None,
        trend_routes(trends, staff) if trends else None,
        rescue_routes(rescues, staff) if rescues else None,
        metric_routes(figures, settings, staff) if figures else None,
    )
    for router in optional:
        if router is not None:
            app.include_router(router)
    app.include_router(service_routes(desk, audit, signed_in))
    install(app)
    app.add_middleware(JsonBodies, max_bytes=settings.max_body_bytes)
    app.add_middleware(RequestContext)
    return app
