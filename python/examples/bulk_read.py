"""Writes all companies to a file, and continues after errors."""

import json
import time

from codat_keys import Client, CodatError

FIRST_WAIT, LAST_WAIT = 1.0, 1000.0  # seconds

wait = FIRST_WAIT
with Client() as client, open("companies.jsonl", "w", encoding="utf-8") as file:
    pages = client.pages("/companies", page_size=2, order_by="created", concurrency=4)
    companies = pages.items()
    while True:
        try:
            for company in companies:
                file.write(json.dumps(company) + "\n")
                wait = FIRST_WAIT
            break
        except CodatError as error:
            if not error.retryable or wait > LAST_WAIT:
                raise
            time.sleep(max(wait, error.retry_after or 0))
            wait *= 10
print("complete:", not pages.total_changed)
