"""Decision codes, as the workflow asks about them."""

from activities.catalogue import task
from activities.messages import CodeCheck, CodeVerdict
from activities.ports import CodeVerifier


class CodeActivities:
    """Tells whose a code is. A local activity: quick, and nothing is changed."""

    def __init__(self, verifier: CodeVerifier) -> None:
        self._verifier = verifier

    @task
    def verify_code(self, check: CodeCheck) -> CodeVerdict:
        """The principal behind the code, or what is wrong with it."""
        return self._verifier.verify(check)
