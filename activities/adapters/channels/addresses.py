"""Providers as settings write them: URLs with blanks between them, each with options behind its `#`.

    https://sms.bank.example/send?key=K#to=mobile&text=content&expect=code:0&per_minute=600

What stands behind `#` is for opsloop and is never sent. Apprise URLs may have a `#` of their own: only what
looks like our options is taken for them.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from activities.adapters.channels.failures import parts_of
from domain.errors import InvalidInput
from domain.notices import Notice

COMMON_OPTIONS: Final = frozenset({"name", "per_minute", "for"})
_MOST_PER_MINUTE: Final = 100_000


@dataclass(frozen=True)
class ProviderAddress:
    """One provider of a setting."""

    setting: str
    """The field of the settings, such as `sms_url`."""
    number: int
    """1 for the first of its setting."""
    url: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def scheme(self) -> str:
        """What sort of provider it is."""
        return self.url.partition("://")[0].lower()

    @property
    def place(self) -> str:
        """How an error names it: by its place, never by its content."""
        variable = f"OPSLOOP_{self.setting.upper()}"
        return variable if self.number == 1 else f"{variable}, URL {self.number}"

    @property
    def name(self) -> str:
        """Its `name`, else its channel and place: `sms-2`."""
        return self.option("name") or f"{self.setting.removesuffix('_url')}-{self.number}"

    @property
    def only(self) -> frozenset[str]:
        """The addresses of its `for`."""
        return frozenset(filter(None, self.option("for").split(",")))

    @property
    def per_minute(self) -> int | None:
        """Its `per_minute`, or None."""
        said = self.option("per_minute")
        if not said:
            return None
        if not said.isdecimal() or not 0 < int(said) <= _MOST_PER_MINUTE:
            raise InvalidInput(
                f"{self.place}: per_minute: expected a whole number up to {_MOST_PER_MINUTE:,}",
                field=self.setting,
            )
        return int(said)

    @property
    def secrets(self) -> list[str]:
        """Every part of it that no error may show."""
        public = {"name", "for", "per_minute", "format", "expect"}
        values = [value for name, value in self.options if name not in public]
        return [*parts_of(self.url), *values]

    def option(self, name: str) -> str:
        """An option's value, or empty."""
        return dict(self.options).get(name, "")

    def options_under(self, prefix: str) -> dict[str, str]:
        """The options `prefix…`, without it."""
        return {name.removeprefix(prefix): value for name, value in self.options if name.startswith(prefix)}

    def check_options(self, known: Collection[str], prefixes: tuple[str, ...] = ()) -> None:
        """Raises `InvalidInput` for an option that this sort of provider does not have."""
        for name, _ in self.options:
            if name in known or any(name.startswith(each) and name != each for each in prefixes):
                continue
            wanted = ", ".join([*sorted(known), *(f"{each}NAME" for each in prefixes)])
            raise InvalidInput(
                f"{self.place}: unknown option {name!r} behind #; expected {wanted}", field=self.setting
            )

    def base(self) -> str:
        """The origin of an http URL in the option `at`, or empty."""
        return self.option("at").rstrip("/")


def addresses_in(setting: str, value: SecretStr | None) -> list[ProviderAddress]:
    """The providers that a setting names, in order. Raises `InvalidInput` for two of one name."""
    if value is None:
        return []
    found = [
        _address(setting, number, url) for number, url in enumerate(value.get_secret_value().split(), start=1)
    ]
    names = [each.name for each in found]
    for each in found:
        if not each.name.isascii() or not each.name.replace("-", "").replace("_", "").isalnum():
            raise InvalidInput(f"{each.place}: name: expected letters, digits, - and _", field=setting)
        if names.count(each.name) > 1:
            raise InvalidInput(f"{each.place}: another provider has the same name", field=setting)
        _ = each.per_minute
    return found


def text_of(notice: Notice) -> str:
    """Subject and body as one text, for channels without subjects."""
    return "\n".join(filter(None, (notice.subject, notice.body)))


def credentials(url: str) -> tuple[str, str, str]:
    """User, password and host of a URL, unquoted and with their case: `urlsplit` lowers hosts."""
    authority = urlsplit(url).netloc
    before, _, host = authority.rpartition("@")
    user, _, password = before.partition(":")
    return unquote(user), unquote(password), unquote(host)


def is_this_machine(host: str) -> bool:
    """Whether what goes there never leaves this machine."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return False


def check_http(address: ProviderAddress, url: str) -> None:
    """Raises `InvalidInput` unless it is an https URL; http is for this machine, as messages hold secrets."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and is_this_machine(host):
        return
    raise InvalidInput(
        f"{address.place}: expected an https URL with a host (http on the loopback only)",
        field=address.setting,
    )


def _address(setting: str, number: int, url: str) -> ProviderAddress:
    before, hash_mark, behind = url.rpartition("#")
    options = parse_qsl(behind, keep_blank_values=True)
    # parse_qsl drops what has no `=`: then the `#` is the URL's own.
    is_ours = bool(hash_mark) and bool(options) and len(options) == behind.count("&") + 1
    if not is_ours:
        return ProviderAddress(setting, number, url)
    return ProviderAddress(setting, number, before, tuple(options))
