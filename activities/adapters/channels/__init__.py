"""The ways out: e-mail, SMS, WeCom and webhooks, each over one or more providers.

`channel_senders` makes them from the settings; `docs/channels.md` says what these may hold. A sender says
`ChannelFailed` with the reason of each provider, in which there are no addresses, passwords or URLs.
"""

from collections.abc import Callable

from pydantic import SecretStr

from activities.adapters.channels.addresses import ProviderAddress, addresses_in
from activities.adapters.channels.apprise_services import AppriseSender
from activities.adapters.channels.failures import AddressRefused, Throttled, message_id
from activities.adapters.channels.gateway import HttpGateway
from activities.adapters.channels.mail import EmailSender
from activities.adapters.channels.providers import Provider, Providers
from activities.adapters.channels.webhook import WebhookSender, signing_key
from activities.adapters.channels.wecom import WeComApplication, WeComRobot
from activities.ports.channels import ChannelHealth
from domain.notices import Channel

__all__ = ["AddressRefused", "Providers", "Throttled", "channel_senders", "message_id"]


def channel_senders(
    *,
    email_url: SecretStr | None = None,
    email_from: str = "opsloop@localhost",
    sms_url: SecretStr | None = None,
    wecom_url: SecretStr | None = None,
    webhook_url: SecretStr | None = None,
    webhook_secret: SecretStr | None = None,
    timeout_s: float = 5.0,
    health: ChannelHealth | None = None,
) -> dict[Channel, Providers]:
    """A sender for each channel that has a URL; a channel without one is absent.

    Each `…_url` holds the URLs of one or more providers, with blanks between them, the first choice first.
    `timeout_s` bounds connecting and each answer, in seconds. `health` is told how the providers fare.
    Raises `InvalidInput` naming the setting, never its value, for a URL that cannot be used.
    """

    def mail(address: ProviderAddress) -> Provider:
        return EmailSender(address, email_from, timeout_s=timeout_s)

    def sms(address: ProviderAddress) -> Provider:
        if address.scheme in ("http", "https"):
            return HttpGateway(address, timeout_s=timeout_s)
        return AppriseSender(Channel.SMS, address, timeout_s=timeout_s)

    def wecom(address: ProviderAddress) -> Provider:
        match address.scheme:
            case "wecombot":
                return WeComRobot(address, timeout_s=timeout_s)
            case "wechat":
                return WeComApplication(address, timeout_s=timeout_s)
            case _:
                return AppriseSender(Channel.WECOM, address, timeout_s=timeout_s)

    def webhook(address: ProviderAddress) -> Provider:
        return WebhookSender(address, signing_key(webhook_secret), timeout_s=timeout_s)

    wanted: tuple[tuple[Channel, SecretStr | None, Callable[[ProviderAddress], Provider]], ...] = (
        (Channel.EMAIL, email_url, mail),
        (Channel.SMS, sms_url, sms),
        (Channel.WECOM, wecom_url, wecom),
        (Channel.WEBHOOK, webhook_url, webhook),
    )
    senders: dict[Channel, Providers] = {}
    for channel, urls, made in wanted:
        providers = [made(address) for address in addresses_in(f"{channel}_url", urls)]
        if providers:
            senders[channel] = Providers(channel, providers, health=health)
    return senders
