"""Every process that is started: worker, API, CLI, dev server, sandbox bank. The composition root."""
