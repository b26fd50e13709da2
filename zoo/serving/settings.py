"""How the development server is run: its addresses and its limits."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the development server is run.

    Args:
        folder: MODELS, with NAME/VERSION and perhaps a models.config.
        host: address to listen on; other machines can reach any but a loopback address.
        rest_port: of the REST API; 0: any free one.
        grpc_port: of the gRPC API; 0: any free one.
        poll: seconds between two looks at the folder.
        threads: requests that run at once.
        queue: requests that may wait for a thread; one more is refused.
        timeout: seconds that a request may take, waiting included.
        max_bytes: of a request.
        connections: open REST connections; one more is refused.
        grace: seconds that requests have to end when the server is stopped.
        op_threads: (within an op, between ops) of TensorFlow; 0 leaves the choice to it.
    """

    folder: str
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    poll: float = 1.0
    threads: int = 4
    queue: int = 100
    timeout: float = 30.0
    max_bytes: int = 16 * 2**20
    connections: int = 1000
    grace: float = 10.0
    op_threads: tuple = (1, 1)
