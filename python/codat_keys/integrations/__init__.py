"""The key for other HTTP libraries, attached to requests for the client's own origin and to no others.

Each module needs its library, which is not installed with this package: ``httpx``, ``requests`` or ``aiohttp``.
``official`` needs one of Codat's own SDKs.
"""
