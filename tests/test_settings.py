"""Settings: sizes and keys."""

from __future__ import annotations

import pytest

from relace_mock import Settings, SettingsError
from relace_mock.settings import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", 1000),
        ("64KB", 64_000),
        ("64kb", 64_000),
        ("64KiB", 65_536),
        ("50MB", 50_000_000),
        ("2 MiB", 2_097_152),
        ("1G", 1_000_000_000),
        ("1GiB", 1_073_741_824),
    ],
)
def test_sizes_are_decimal_unless_their_unit_is_binary(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1.5MB", "1TB", "5iB", "many"])
def test_a_value_that_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size: write bytes, or 64KB, 50MB, 64MiB"):
        parse_size(text)


@pytest.mark.parametrize("key", ["", "a b", "a\t", "clé"])
def test_keys_that_cannot_stand_in_a_header_are_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="api-key must be ASCII characters without blanks"):
        Settings(api_keys=(key,))
