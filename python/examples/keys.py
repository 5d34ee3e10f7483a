"""Creates a key, and lists all."""

from codat_keys import Client, KeyLimitReachedError

with Client() as client:  # CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE
    try:
        made = client.keys.create("invoice-processor")
        print("made", made.key.id, made.key.api_key)  # ApiKey(****kGHd)
    except KeyLimitReachedError as error:
        print(error.hint)
    for key in client.keys.list():
        print(key.id, key.name or "(no name)")
