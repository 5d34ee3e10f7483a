"""As much of AWS's library as the example needs."""

from __future__ import annotations

import os


def client(service: str) -> SecretsManager:
    assert service == "secretsmanager"
    return SecretsManager()


class SecretsManager:
    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:
        assert SecretId == "codat-api-key"
        return {"SecretString": os.environ["KEPT_ELSEWHERE"]}
