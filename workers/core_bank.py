"""The core bank as the settings name it: behind one endpoint or two."""

from activities.adapters.core_bank import HttpCoreBank
from activities.adapters.core_bank_endpoints import BankEndpoints
from activities.adapters.pacing import Pace
from activities.ports import CoreBank
from workers.settings import Settings


def core_bank(settings: Settings) -> CoreBank:
    """One pace for all calls of this process. Raises `InvalidInput` for a URL that is none."""
    pace = Pace(settings.core_bank_rate)

    def endpoint(url: str) -> CoreBank:
        return HttpCoreBank(url, timeout_s=settings.core_bank_timeout_s, pace=pace)

    primary = endpoint(settings.core_bank_url)
    if not settings.core_bank_secondary_url:
        return primary
    secondary = endpoint(settings.core_bank_secondary_url)
    return BankEndpoints(primary, secondary, cool_down_s=settings.core_bank_cool_down_s)
