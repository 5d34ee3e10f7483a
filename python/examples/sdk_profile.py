"""Codat's API through Codat's SDK."""

from codat_platform.sdk import CodatPlatform

from codat_keys import Client
from codat_keys.integrations.official import connect

with Client() as client, connect(client, CodatPlatform, timeout_ms=10_000) as sdk:
    print("the client is named", sdk.settings.get_profile().name)
