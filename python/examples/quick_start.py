"""Makes the first calls."""

from codat_keys import Client

with Client() as client:
    print("this is the key", client.whoami().id)
    for company in client.pages("/companies").items():
        print(company["name"])
