"""What is raised where a promise is broken."""


class Violation(AssertionError):
    """A promise was broken: `promise` is its name, the text says how."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(what)
        self.promise = promise
