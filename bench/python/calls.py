"""The paths and headers that all clients use."""

from __future__ import annotations

import base64

KEYS = "/apiKeys"
PAGES = "/companies/bench/data/invoices"
PAGE_SIZE = 3000
# All pages of this list are read in one call.
DISTANT = "/companies/distant/data/invoices"
DISTANT_PAGE_SIZE = 100
BODY = "/attachment"
PAGE = f"{PAGES}?page=1&pageSize={PAGE_SIZE}"


def headers(key: str) -> dict[str, str]:
    authorization = "Basic " + base64.b64encode(key.encode()).decode()
    return {"Authorization": authorization, "Accept": "application/json"}
