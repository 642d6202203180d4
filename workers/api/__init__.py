"""The HTTP API. `workers.api.app.create_app` makes it; `docs/api.md` describes it."""
