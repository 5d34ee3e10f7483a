"""A function of AWS Lambda that rotates the key in a secret of Secrets Manager."""

from codat_keys.aws import create_rotation_handler

# The secret is {"api_key": "...", ...}. The new keys are named billing~20261128-x7q2 and so on.
handler = create_rotation_handler(name="billing", field="api_key")
