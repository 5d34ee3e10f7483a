"""A client whose key is in a vault."""

from codat_keys import Client, KeyCommand

vault = KeyCommand(["vault", "kv", "get", "-field=api_key", "secret/codat"], timeout=5, cached_for=600)
client = Client(api_key_command=vault)
print("this is the key", client.whoami().id)
