"""A function of AWS Lambda whose key is in Secrets Manager."""

import boto3

from codat_keys import Client

secrets = boto3.client("secretsmanager")
client = Client(api_key=lambda: secrets.get_secret_value(SecretId="codat-api-key")["SecretString"])


def handler(event: object, context: object) -> dict[str, int]:
    companies = client.request("GET", "/companies").json()
    return {"companies": companies["totalResults"]}
