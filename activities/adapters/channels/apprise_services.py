"""Any of Apprise's services (https://appriseit.com/services/), by a URL with two places to fill.

{address}      the receiver: a number, an id
{message_id}   optional: the notice's stable id, for services that can recognise a repeat

twilio://SID:TOKEN@SENDER/{address}         json://127.0.0.1:8492/sms/{address}
"""

import logging
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat
from apprise.utils.parse import is_phone_no

from activities.adapters.channels.addresses import COMMON_OPTIONS, ProviderAddress
from activities.adapters.channels.failures import AddressRefused, message_id, without_secrets
from activities.adapters.channels.throttle import Pace
from domain.errors import ChannelFailed, InvalidInput
from domain.notices import Channel, Notice

_SAMPLE_ADDRESSES = {Channel.SMS: "+8619900000000"}


class AppriseSender:
    """One of Apprise's services.

    An HTTP 2xx is what Apprise takes for success; what a gateway says inside such an answer it does not
    read. `HttpGateway` and the WeCom senders do.
    """

    def __init__(self, channel: Channel, address: ProviderAddress, *, timeout_s: float = 5.0) -> None:
        _keep_urls_out_of_logs()
        address.check_options(COMMON_OPTIONS)
        self.name, self.only = address.name, address.only
        self._channel = channel
        self._address = address
        self._timeout_s = timeout_s
        self._pace = Pace(address.per_minute) if address.per_minute else None
        # Our own retries are Temporal's; a redirect would carry the key to somebody else.
        self._asset = AppriseAsset(
            app_id="opsloop",
            secure_logging=True,
            http_redirects=False,
            storage_mode="memory",
            service_timeout=0,
        )
        expected = f"{address.place}: expected an Apprise URL"
        if "{address}" not in address.url:
            raise InvalidInput(f"{expected} with {{address}} in it", field=address.setting)
        if self._service(_SAMPLE_ADDRESSES.get(channel, "sample"), message_id("sample")) is None:
            raise InvalidInput(f"{expected} such as json://host:port/path/{{address}}", field=address.setting)

    def send(self, notice: Notice, address: str) -> str:
        """Posts the message; returns the service's name. Raises `ChannelFailed`."""
        if not self._takes(address):
            raise AddressRefused("the address is not one that the gateway can take")
        if self._pace is not None:
            self._pace.take("")
        service = self._service(address, message_id(notice.notice_id))
        if service is None:
            raise AddressRefused("the gateway's URL cannot be used with this address")
        gateway = Apprise(asset=self._asset)
        gateway.add(service)
        result = gateway.notify(
            title=notice.subject, body=notice.body or notice.subject, body_format=NotifyFormat.TEXT
        )
        if not result:
            said = " ".join(entry.message for entry in result.logs())
            reason = without_secrets(said, [address, *self._address.secrets])
            raise ChannelFailed(reason or "the gateway gave no reason")
        return f"taken by {service.service_name}"

    def _takes(self, address: str) -> bool:
        # Some of Apprise's services drop a number that is none, and then write to the sender instead.
        if self._channel is Channel.SMS:
            return bool(is_phone_no(address))  # type: ignore[no-untyped-call]
        return address.isprintable() and not any(each in address for each in " /\\")

    def _service(self, address: str, identity: str) -> NotifyBase | None:
        url = self._address.url.replace("{address}", quote(address, safe=""))
        service = Apprise.instantiate(url.replace("{message_id}", identity), asset=self._asset)
        if service is not None:
            service.socket_connect_timeout = self._timeout_s
            service.socket_read_timeout = self._timeout_s
        return service


def _keep_urls_out_of_logs() -> None:
    """Both libraries log whole URLs at DEBUG, and Apprise numbers in warnings; senders report instead."""
    apprise_log = logging.getLogger("apprise")
    apprise_log.propagate = False
    apprise_log.setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
