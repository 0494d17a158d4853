"""A server that speaks S3, as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BUCKET = "live"

_SERVER = """
import logging, sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app),
                     threaded=True)
print("port", server.server_port, flush=True)
server.serve_forever()
"""
# Signatures aren't checked; the header says which service is meant.
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
)


@dataclass
class S3Server:
    """``stop`` ends it, and with it what it holds; ``start`` begins anew at the same address. Both block."""

    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """With an empty bucket."""
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _SERVER, str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
        )
        assert self.process.stdout is not None
        found = re.match(rb"port (\d+)", self.process.stdout.readline())
        assert found is not None
        self.port = int(found[1])
        request = urllib.request.Request(
            f"{self.url}/{BUCKET}", method="PUT", headers={"Authorization": _AUTHORIZATION}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    try:
        server.start()
        yield server
    finally:
        server.stop()
