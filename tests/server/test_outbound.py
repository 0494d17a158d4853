"""The client for requests made for others, against real local servers: what it reaches, and what it won't."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from server.config.sections import Outbound as OutboundSettings
from server.outbound import CONCURRENT_MAX, Outbound, OutboundError, is_public, parse_url

LOOPBACK = ip_network("127.0.0.0/8")


class Server:
    """A local server and what it saw."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.port = 0
        self.release = asyncio.Event()
        self.busy = 0
        self.most_busy = 0
        self.changed = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.path_qs, dict(request.headers), body))
        handler: Callable[[web.Request], web.StreamResponse] | None = {
            "/ok": lambda _: web.Response(text="hello", headers={"X-Kind": "a"}),
            "/away": lambda _: web.Response(status=302, headers={"Location": "/ok"}),
            "/error": lambda _: web.Response(status=500),
            "/large": lambda _: web.Response(body=b"x" * 5000),
            "/zipped": lambda _: web.Response(
                body=gzip.compress(b"x" * 5000), headers={"Content-Encoding": "gzip"}
            ),
            "/cookie": lambda _: web.Response(headers={"Set-Cookie": "a=b; Path=/"}),
        }.get(request.path)
        if handler:
            return handler(request)
        if request.path == "/endless":
            return await self.endless(request)
        await self.count(+1)
        try:
            await self.release.wait()
        finally:
            await self.count(-1)
        return web.Response(text="late")

    async def count(self, change: int) -> None:
        async with self.changed:
            self.busy += change
            self.most_busy = max(self.busy, self.most_busy)
            self.changed.notify_all()

    async def until_busy(self, number: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.busy == number)

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async for running in serve(None):
        yield running


async def serve(tls: ssl.SSLContext | None) -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server.port = runner.addresses[0][1]
    yield server
    server.release.set()
    await runner.cleanup()


class Names:
    """A resolver that says what it is told, and how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def client(
    names: Names | None = None, *, allow: bool = True, tls: ssl.SSLContext | None = None, **limits: float
) -> Outbound:
    settings = OutboundSettings.model_validate({"allow_private": [LOOPBACK] if allow else [], **limits})
    return Outbound(settings, resolve=names or Names(["127.0.0.1"]), tls=tls)


async def refusal(outbound: Outbound, url: str) -> str:
    with pytest.raises(OutboundError) as refused:
        await outbound.get(url)
    return str(refused.value)


async def test_an_allowed_address_is_asked_by_its_name(server: Server) -> None:
    names = Names(["127.0.0.1"])
    response = await client(names).request(
        "POST", f"http://shop.test:{server.port}/ok?a=1", headers={"X-Sig": "s"}, body=b"data"
    )
    assert (response.status, response.body, response.headers["x-kind"]) == (200, b"hello", "a")
    method, path, headers, body = server.requests[0]
    assert (method, path, body) == ("POST", "/ok?a=1", b"data")
    assert (headers["Host"], headers["X-Sig"]) == (f"shop.test:{server.port}", "s")
    assert names.asked == ["shop.test"]


async def test_a_private_address_is_refused_before_anything_is_sent(server: Server) -> None:
    for host in ("shop.test", "127.0.0.1", "[::ffff:127.0.0.1]"):
        told = await refusal(client(allow=False), f"http://{host}:{server.port}/ok")
        assert "not a public address" in told
        assert "outbound.allow_private" in told
    assert server.requests == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0177.0.0.1", "1.2.3.4.5", "[fe80::1%25eth0]"])
async def test_odd_spellings_of_addresses_are_refused(server: Server, host: str) -> None:
    told = await refusal(client(), f"http://{host}:{server.port}/ok")
    assert "not an IP address in the usual form" in told or "not of the form" in told
    assert server.requests == []


async def test_hexadecimal_addresses_go_through_the_resolver_and_its_check(server: Server) -> None:
    names = Names(["127.0.0.1"])
    assert "not a public" in await refusal(client(names, allow=False), f"http://0x7f000001:{server.port}/ok")
    assert names.asked == ["0x7f000001"]


async def test_one_private_address_among_public_ones_is_one_too_many(server: Server) -> None:
    names = Names(["93.184.215.14", "127.0.0.1"])
    assert "leads to 127.0.0.1" in await refusal(
        client(names, allow=False), f"https://shop.test:{server.port}/ok"
    )


async def test_a_name_that_changes_its_mind_is_asked_once(server: Server) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    assert await client(names).get(f"http://shop.test:{server.port}/ok") == b"hello"
    assert names.asked == ["shop.test"]


async def test_without_tls_only_allowed_private_addresses_are_asked() -> None:
    assert "must be asked by https" in await refusal(client(Names(["93.184.215.14"])), "http://shop.test/ok")


async def test_redirects_are_not_followed(server: Server) -> None:
    assert "give the final address" in await refusal(client(), f"http://shop.test:{server.port}/away")
    assert [path for _, path, _, _ in server.requests] == ["/away"]


async def test_an_error_status_is_an_error_of_get_and_an_answer_of_request(server: Server) -> None:
    assert "status 500" in await refusal(client(), f"http://shop.test:{server.port}/error")
    assert (await client().request("GET", f"http://shop.test:{server.port}/error")).status == 500


@pytest.mark.parametrize("path", ["large", "endless"])
async def test_answers_are_bounded(server: Server, path: str) -> None:
    told = await refusal(client(max_bytes=2000), f"http://shop.test:{server.port}/{path}")
    assert "more than 2000 bytes" in told


async def test_compressed_answers_are_refused(server: Server) -> None:
    assert "compressed" in await refusal(client(), f"http://shop.test:{server.port}/zipped")


async def test_a_slow_answer_ends_at_the_time_limit(server: Server) -> None:
    told = await refusal(client(timeout_s=0.05), f"http://shop.test:{server.port}/hang")
    assert told == "shop.test takes longer than 0.05 s"


async def test_a_slow_resolver_ends_at_the_time_limit() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    outbound = Outbound(OutboundSettings(timeout_s=0.05), resolve=never)
    assert "takes longer" in await refusal(outbound, "https://shop.test/")


async def test_a_name_that_cant_be_resolved_is_said_plainly() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    outbound = Outbound(OutboundSettings(), resolve=unknown)
    assert "the name shop.test can't be resolved" in await refusal(outbound, "https://shop.test/")
    assert "has no address" in await refusal(client(Names([])), "https://shop.test/")


async def test_a_closed_port_is_said_plainly(unused_port: int) -> None:
    assert "can't be asked" in await refusal(client(), f"http://shop.test:{unused_port}/")


async def test_no_more_than_the_allowed_number_runs_at_once(server: Server) -> None:
    outbound = client(timeout_s=20)
    calls = [
        asyncio.create_task(outbound.get(f"http://shop.test:{server.port}/hang"))
        for _ in range(CONCURRENT_MAX + 5)
    ]
    async with asyncio.timeout(10):
        await server.until_busy(CONCURRENT_MAX)
        server.release.set()
        assert await asyncio.gather(*calls) == [b"late"] * len(calls)
    assert server.most_busy == CONCURRENT_MAX


async def test_cancelling_closes_the_connection_and_frees_the_place(server: Server) -> None:
    outbound = client(timeout_s=20)
    for _ in range(CONCURRENT_MAX + 1):
        call = asyncio.create_task(outbound.get(f"http://shop.test:{server.port}/hang"))
        async with asyncio.timeout(5):
            await server.until_busy(1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await server.until_busy(0)


async def test_neither_cookies_nor_proxies_are_taken_along(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    outbound = client()
    await outbound.get(f"http://shop.test:{server.port}/cookie")
    await outbound.get(f"http://shop.test:{server.port}/ok")
    assert "Cookie" not in server.requests[1][2]


async def test_certificates_are_checked_against_the_name(tmp_path: Path) -> None:
    certificate, trust = self_signed(tmp_path, "shop.test")
    async for server in serve(certificate):
        assert await client(tls=trust).get(f"https://shop.test:{server.port}/ok") == b"hello"
        assert "can't be asked" in await refusal(client(tls=trust), f"https://other.test:{server.port}/ok")
        assert "can't be asked" in await refusal(client(), f"https://shop.test:{server.port}/ok")


def self_signed(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for ``name``, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return server, ssl.create_default_context(cafile=chain)


@pytest.mark.parametrize(
    "url",
    ["", "shop.test", "ftp://shop.test/", "file:///etc/passwd", "https://", "https:///x", "https://a:b@shop.test/",
     "https://shop.test:99999/", "https://[::1/", "https://a b/", "https://shop.test/" + "x" * 3000],
)  # fmt: skip
async def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    await refusal(client(), url)


@given(st.text(max_size=60) | st.text(max_size=40).map("https://{}".format))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        url = parse_url(text)
    except OutboundError:
        return
    assert url.scheme in ("http", "https")
    assert url.raw_host


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8", "169.254.169.254",
        "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
        "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
        "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::1", "2002:a00:1::", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_in_ipv6_changes_nothing(address: object) -> None:
    plain = ip_address(str(address))
    assert is_public(ip_address(f"::ffff:{plain}")) == is_public(plain)
    assert is_public(ip_address(f"64:ff9b::{plain}")) == is_public(plain)


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
