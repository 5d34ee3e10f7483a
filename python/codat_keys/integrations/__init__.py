"""Authenticates the requests of other HTTP libraries to the client's own origin, and no other requests.

Each module needs its library, which is not installed with this package: ``httpx``, ``requests`` or ``aiohttp``.
``official`` needs one of Codat's SDKs.
"""
