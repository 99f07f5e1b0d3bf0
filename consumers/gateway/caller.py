"""Who asks: by address and, where the request says so, by key."""

from dataclasses import dataclass

from config.api_keys import ApiKey


@dataclass(frozen=True)
class Caller:
    """address: of the peer. key: None where the request is anybody's."""

    address: str
    key: ApiKey | None = None

    @property
    def account(self) -> int:
        """The account that the key speaks for. Only of a caller that has one."""
        assert self.key is not None, "asked without a key"
        return self.key.account
