"""A running server, as the caller of ``running()`` sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relace_mock.control.remote import RemoteControl


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. ``base_url`` is the value for ``RELACE_BASE_URL``."""

    base_url: str
    control_token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The server's root, where ``/openapi.json`` and ``/_mock/`` are."""
        return self.base_url.removesuffix("/v1")

    def control(self, api_key: str) -> RemoteControl:
        """Return the control of one key: its scenario, clock and journal."""
        from relace_mock.control.remote import RemoteControl  # noqa: PLC0415 - `serve` starts without

        return RemoteControl(self.base_url, api_key, control_token=self.control_token)
