"""The synthetic customers and accounts of a new sandbox. Nobody in here exists."""

from workers.sandbox_bank.rules import Account, AccountStatus, Customer, HolderType

_CUSTOMERS = 30
_ACCOUNT = "62220202{:08d}"


def contacts_of(ref: str) -> Customer:
    """A customer with made-up addresses. No real phone number begins with 100, no real domain ends in
    `.example`.
    """
    number = sum(ord(each) * 31**place for place, each in enumerate(reversed(ref))) % 10**8
    return Customer(
        ref=ref, phone=f"100{number:08d}", email=f"{ref.lower()}@customer.example", wecom=f"wecom-{ref}"
    )


def customers() -> list[Customer]:
    """C0001 to C0030; the last one has no phone, the one before no address at all."""
    made = [contacts_of(f"C{number:04d}") for number in range(1, _CUSTOMERS + 1)]
    made[-1] = made[-1].model_copy(update={"phone": ""})
    made[-2] = Customer(ref=made[-2].ref)
    return made


def accounts() -> list[Account]:
    """One account in CNY a customer with balances from CNY 1,000 to 5.9 million, then the special ones."""
    made = [
        Account(
            id=_ACCOUNT.format(number),
            customer_ref=f"C{number:04d}",
            holder=HolderType.CORPORATE if number % 3 == 0 else HolderType.PERSONAL,
            balance_fen=100_000 + (number - 1) ** 4 * 830,
        )
        for number in range(1, _CUSTOMERS + 1)
    ]
    special = (
        (9001, "C0003", HolderType.CORPORATE, "USD", 500_000_000, 0, AccountStatus.ACTIVE),
        (9002, "C0006", HolderType.CORPORATE, "EUR", 200_000_000, 0, AccountStatus.ACTIVE),
        (9003, "C0009", HolderType.SOCIAL_INSURANCE, "CNY", 880_000_000, 0, AccountStatus.ACTIVE),
        (9004, "C0012", HolderType.HOUSING_FUND, "CNY", 640_000_000, 0, AccountStatus.ACTIVE),
        (9005, "C0004", HolderType.PERSONAL, "CNY", 0, 0, AccountStatus.CLOSED),
        (9006, "C0005", HolderType.PERSONAL, "CNY", 8_600_000, 8_600_000, AccountStatus.FROZEN),
        (9007, "C0007", HolderType.PERSONAL, "CNY", 12_000_000, 3_000_000, AccountStatus.ACTIVE),
    )
    for number, ref, holder, currency, balance, frozen, status in special:
        made.append(
            Account(
                id=_ACCOUNT.format(number),
                customer_ref=ref,
                holder=holder,
                currency=currency,
                balance_fen=balance,
                frozen_fen=frozen,
                status=status,
            )
        )
    return made
