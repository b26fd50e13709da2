"""Failures of requests, by the status codes that gRPC, TensorFlow and TF Serving share."""

import enum


class Code(enum.IntEnum):
    """google.rpc.Code, and what TF Serving answers for it over HTTP."""

    def __new__(cls, number, http):
        code = int.__new__(cls, number)
        code._value_ = number
        code.http = http
        return code

    OK = 0, 200
    CANCELLED = 1, 499
    UNKNOWN = 2, 500
    INVALID_ARGUMENT = 3, 400
    DEADLINE_EXCEEDED = 4, 504
    NOT_FOUND = 5, 404
    ALREADY_EXISTS = 6, 409
    PERMISSION_DENIED = 7, 403
    RESOURCE_EXHAUSTED = 8, 429
    FAILED_PRECONDITION = 9, 400
    ABORTED = 10, 409
    OUT_OF_RANGE = 11, 400
    UNIMPLEMENTED = 12, 501
    INTERNAL = 13, 500
    UNAVAILABLE = 14, 503
    DATA_LOSS = 15, 500
    UNAUTHENTICATED = 16, 401


class RequestError(Exception):
    """A request that cannot be answered.

    Attributes:
        code: a `Code`.
        message: what the caller is told. Of what a request held, halves of characters and bytes
            that are no UTF-8 stand as "?" in it, so that it can be sent.
    """

    def __init__(self, code, message):
        message = message.encode("utf-8", "replace").decode()
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message


def invalid(*parts):
    """The commonest RequestError: INVALID_ARGUMENT, its message in parts."""
    return RequestError(Code.INVALID_ARGUMENT, "".join(str(part) for part in parts))
