import pytest
from pydantic import SecretStr

from domain.errors import InvalidInput
from workers.sandbox_bank.server import serve
from workers.settings import Settings


def test_the_sandbox_does_not_run_in_production() -> None:
    settings = Settings(
        environment="production",
        database_url=SecretStr("postgresql://db/opsloop"),
        identity_key=SecretStr("i" * 32),
        decision_key=SecretStr("d" * 32),
    )
    with pytest.raises(InvalidInput, match="embedded"):
        serve(settings)


@pytest.mark.parametrize("url", ["https://bank.example:443", "http://127.0.0.1", "bank"])
def test_the_sandbox_needs_an_address_it_can_listen_on(url: str) -> None:
    with pytest.raises(InvalidInput, match="core_bank_url"):
        serve(Settings(core_bank_url=url))
