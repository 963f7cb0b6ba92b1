"""Options that runs against servers and against clients share."""

from __future__ import annotations

from dataclasses import dataclass, field

from relace_contract.known_failures import KnownFailures
from relace_contract.policy import Policy
from relace_contract.runner import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options that ``verify-server`` and ``verify-client`` share.

    ``only`` has families and ids of checks; empty means all. ``timeout`` is in seconds. ``repeat``
    has further options, as the user types them, for the commands that reproduce findings.
    """

    only: tuple[str, ...] = ()
    known: KnownFailures = field(default_factory=KnownFailures)
    policy: Policy | None = None
    strict: bool = False
    seed: int = 0
    examples: int = 20
    timeout: float = 30.0
    repeat: str = ""

    @property
    def claimed(self) -> Policy:
        """The policies that the subject claims: all of them if it names none."""
        return self.policy or Policy()

    @property
    def terms(self) -> Terms:
        """How breaches are judged."""
        return Terms(
            policy=self.claimed, known=self.known, strict=self.strict, deadline=self.timeout
        )
