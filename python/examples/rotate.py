"""Replaces the key of the client, and delivers the new key to a store of secrets."""

from codat_keys import ApiKey, Client, Sink

store: dict[str, str] = {}  # in place of a store of secrets


def deliver(key: ApiKey) -> None:
    store["codat"] = key.expose_secret()


with Client() as client:
    sink = Sink("store:codat", deliver, lambda: store.get("codat"))
    rotation = client.keys.rotation([sink], on_event=lambda event: print(event.event, event.state or ""))
    print("the new key is", rotation.start().new_key)
    # Both keys work. Here, restart the programs that read their key only when they start.
    print("deleted", rotation.finish().deleted)
