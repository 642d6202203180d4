"""Masks for references that leave the system in messages and on screens."""


def mask_reference(reference: str) -> str:
    """All but the last four characters hidden: `6222020200001234` → `****1234`.

    A reference of up to four characters is hidden whole.
    """
    return f"****{reference[-4:]}" if len(reference) > 4 else "****"
