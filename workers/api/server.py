"""The API process: the application over an installation, served by uvicorn."""

import uvicorn

from workers.api.app import create_app
from workers.composition import connect, install
from workers.desk.authority import Trail
from workers.desk.expiry import ExpiryDesk
from workers.desk.patrol import PatrolDesk
from workers.desk.rescue import RescueDesk
from workers.settings import Settings


async def serve(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Temporal may come up later: until then `/readyz` says no."""
    installation = install(settings)
    client = await connect(settings, lazy=True)
    application = create_app(
        installation.desk(client),
        installation.identity(),
        installation.store.reader,
        installation.store.audit,
        settings,
        releases=installation.releases(),
        rollouts=installation.rollouts(),
        alerts=installation.alerts(client),
        duty=installation.duty(),
        spot_checks=installation.spot_checks(client),
        channels=installation.channels(client),
        pages=installation.pages(client),
        roster=installation.roster(),
        expiries=ExpiryDesk(
            client,
            installation.store.expiries,
            codes=installation.codes,
            trail=Trail(installation.store.audit, settings.clock),
        ),
        handlers=installation.handlers(),
        patrol=PatrolDesk(client, installation.store.patrols, settings.clock),
        trends=installation.store.trends,
        rescues=RescueDesk(
            installation.rulebook, installation.store.rescues, installation.store.database.now
        ),
        figures=installation.store.figures.read,
        zone=lambda: installation.rulebook.current().duty.timezone,
    )
    config = uvicorn.Config(
        application,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    async with installation.kept_fresh():
        await uvicorn.Server(config).serve()
