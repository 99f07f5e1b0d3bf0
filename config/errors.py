"""The one error that configuration raises: it names a field and says what was expected."""


class ConfigError(ValueError):
    """A field of a configuration or instruments file that can't be used; verbs answer it with exit code 2."""

    def __init__(self, field: str, expected: str) -> None:
        self.field = field
        self.expected = expected
        super().__init__(f"{field}: {expected}")
