"""Days as people live them, in one time zone for the whole house."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


class Days:
    """Counts days from 1970-01-01, each from midnight to midnight in a zone (``UTC``, ``Asia/Shanghai``, …).

    Raises ``ZoneInfoNotFoundError`` (a ``KeyError``) or ``ValueError`` for a zone that isn't known here.
    """

    def __init__(self, zone: str = "UTC") -> None:
        self._zone: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)

    def of(self, at_ms: int) -> int:
        """The day of a moment (Unix milliseconds)."""
        if self._zone is UTC:
            return at_ms // DAY_MS
        return datetime.fromtimestamp(at_ms / 1000, self._zone).toordinal() - _EPOCH

    def ends_ms(self, day: int) -> int:
        """When the next day begins (Unix milliseconds)."""
        after = date.fromordinal(_EPOCH + day) + timedelta(days=1)
        return round(datetime.combine(after, time(), self._zone).timestamp() * 1000)
