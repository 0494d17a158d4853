"""WHIP and WHEP as RFC 9725 has them: methods, conditions, refusals, CORS."""

from __future__ import annotations

import pytest
from aiohttp import ClientResponse

from media import whep
from tests.media.world import Client, World, running_world, until

FRAGMENT = "application/trickle-ice-sdpfrag"

OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF {formats}
c=IN IP4 0.0.0.0
a=mid:0
a={direction}
a=rtcp-mux
{codecs}
a=ice-ufrag:abcd
a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa
a=fingerprint:sha-256 00:11
a=setup:actpass
"""


def offer(direction: str = "sendonly", codec: str = "H264/90000") -> str:
    codecs = f"a=rtpmap:96 {codec}\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f"
    return OFFER.format(formats="96", direction=direction, codecs=codecs).replace("\n", "\r\n")


async def refusal(response: ClientResponse) -> tuple[int, str]:
    assert response.content_type == "application/problem+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.status, (await response.json())["code"]


def fragment(ufrag: str, password: str) -> str:
    lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
    candidate = "a=candidate:1 1 udp 1 1b2c3d4e.local 9 typ host"
    return "\r\n".join([*lines, candidate, ""])


def remote_credentials(client: Client) -> tuple[str, str]:
    local = client.peer.localDescription.sdp.splitlines()
    ufrag = next(line for line in local if line.startswith("a=ice-ufrag:"))
    password = next(line for line in local if line.startswith("a=ice-pwd:"))
    return ufrag.partition(":")[2], password.partition(":")[2]


async def patch(
    world: World, client: Client, body: str, etag: str | None, bearer: str | None = None, kind: str = FRAGMENT
) -> ClientResponse:
    headers = {"Content-Type": kind}
    if etag is not None:
        headers["If-Match"] = etag
    if bearer or client.bearer:
        headers["Authorization"] = f"Bearer {bearer or client.bearer}"
    return await world.http.patch(client.location, data=body, headers=headers)


async def test_post_creates_a_session(world: World) -> None:
    response = await world.post("/whip/demo", offer(), "alice")
    assert response.status == 201
    assert response.content_type == "application/sdp"
    parts = response.headers["Location"].split("/")
    assert parts[:4] == ["", "whip", "demo", "n1"]
    assert len(parts[4]) >= 32
    assert response.headers["ETag"].startswith('"')
    assert "Link" not in response.headers
    assert "Location" in response.headers["Access-Control-Expose-Headers"]
    answer = await response.text()
    assert "a=recvonly" in answer
    assert f" 127.0.0.1 {world.service.udp_port} typ host" in answer


async def test_configured_ice_servers_are_linked() -> None:
    link = '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u"; credential="c"'
    async with running_world(link_headers=(link,)) as world:
        response = await world.post("/whip/demo", offer(), "alice")
        assert response.headers.getall("Link") == [link]


@pytest.mark.parametrize(
    ("bearer", "kind", "body", "expected"),
    [
        (None, "application/sdp", offer(), (401, "unauthenticated")),
        ("bad", "application/sdp", offer(), (401, "bad_token")),
        ("alice", "text/plain", offer(), (415, "unsupported_media_type")),
        ("alice", "application/sdp", "x" * 70_000, (413, "too_large")),
        ("alice", "application/sdp", "", (400, "bad_sdp")),
        ("alice", "application/sdp", b"\xff\xfe", (400, "bad_sdp")),
        ("alice", "application/sdp", "v=0\r\nm=video", (400, "bad_sdp")),
        ("alice", "application/sdp", offer().replace("a=rtcp-mux", "a=x"), (400, "bad_sdp")),
        ("alice", "application/sdp", offer(codec="AV1/90000"), (406, "no_common_codec")),
        ("alice", "application/sdp", offer(direction="recvonly"), (406, "not_acceptable")),
    ],
)
async def test_whip_refuses(
    world: World, bearer: str | None, kind: str, body: str | bytes, expected: tuple[int, str]
) -> None:
    response = await world.post("/whip/demo", body, bearer, Content_Type=kind)
    assert await refusal(response) == expected
    assert world.service.publisher_stats("demo") is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_endpoint_takes_only_post(world: World, method: str) -> None:
    for path in ("/whip/demo", "/whep/demo"):
        response = await world.http.request(method, path)
        assert response.status == 405
        assert response.headers["Allow"] == "POST, OPTIONS"


async def test_session_takes_only_patch_and_delete(world: World) -> None:
    for method in ("GET", "POST", "PUT"):
        response = await world.http.request(method, "/whip/demo/n1/unknown")
        assert response.status == 405
        assert response.headers["Allow"] == "PATCH, DELETE, OPTIONS"


async def test_preflight_needs_no_credential(world: World) -> None:
    for path in ("/whip/demo", "/whep/demo"):
        response = await world.http.options(path, headers={"Origin": "https://shop.example"})
        assert response.status == 200
        assert response.headers["Accept-Post"] == "application/sdp"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    response = await world.http.options("/whip/demo/n1/unknown")
    assert response.headers["Accept-Patch"] == FRAGMENT


async def test_trickle_needs_the_current_etag(world: World) -> None:
    client = await world.publish()
    body = fragment(*remote_credentials(client))
    assert await refusal(await patch(world, client, body, None)) == (428, "precondition_required")
    assert await refusal(await patch(world, client, body, '"other"')) == (412, "precondition_failed")
    assert await refusal(await patch(world, client, body, "*")) == (412, "precondition_failed")
    assert await refusal(await patch(world, client, "nonsense", client.etag)) == (400, "bad_sdp_fragment")
    response = await patch(world, client, body, client.etag, kind="application/sdp")
    assert await refusal(response) == (415, "unsupported_media_type")
    assert (await patch(world, client, body, client.etag)).status == 204


async def test_ice_restart_gives_new_credentials_and_a_new_etag(world: World) -> None:
    client = await world.publish()
    await world.until_said("live:alice")
    response = await patch(world, client, fragment("newufrag", "b" * 24), "*")
    assert response.status == 200
    assert response.content_type == FRAGMENT
    assert response.headers["ETag"] != client.etag
    body = await response.text()
    assert "a=ice-ufrag:" in body
    assert "a=ice-pwd:" in body
    old = await patch(world, client, fragment("newufrag", "b" * 24), client.etag)
    assert await refusal(old) == (412, "precondition_failed")
    new = await patch(world, client, fragment("newufrag", "b" * 24), response.headers["ETag"])
    assert new.status == 204


async def test_session_belongs_to_its_principal(world: World) -> None:
    client = await world.publish("alice.first")
    body = fragment(*remote_credentials(client))
    assert await refusal(await patch(world, client, body, client.etag, "bob")) == (403, "forbidden")
    assert (await patch(world, client, body, client.etag, "alice.renewed")).status == 204
    bob = {"Authorization": "Bearer bob"}
    assert await refusal(await world.http.delete(client.location, headers=bob)) == (403, "forbidden")
    assert await refusal(await world.http.delete(client.location)) == (401, "unauthenticated")
    renewed = {"Authorization": "Bearer alice.renewed"}
    assert (await world.http.delete(client.location, headers=renewed)).status == 200
    gone = await world.http.delete(client.location, headers=bob)
    assert await refusal(gone) == (404, "not_found")


async def test_session_of_another_node_or_room_is_not_found(world: World) -> None:
    client = await world.publish()
    alice = {"Authorization": "Bearer alice"}
    for path in (client.location.replace("/n1/", "/n2/"), client.location.replace("demo", "other")):
        assert await refusal(await world.http.delete(path, headers=alice)) == (404, "not_found")


async def test_second_publisher_waits_until_the_first_is_silent(world: World) -> None:
    first = await world.publish("alice")
    await world.until_said("live:alice")
    busy = await world.post("/whip/demo", offer(), "bob")
    assert "Retry-After" in busy.headers
    assert await refusal(busy) == (409, "publisher_busy")
    assert await refusal(await world.post("/whip/demo", offer(), "alice")) == (409, "publisher_busy")
    not_his = await world.post("/whip/demo", offer(), "bob", X_Danmart_Takeover="1")
    assert await refusal(not_his) == (409, "publisher_busy")
    await first.vanish()
    await world.until_said("live:alice", "interrupted:alice")
    assert (await world.post("/whip/demo", offer(), "bob")).status == 201


async def test_host_takes_over_when_it_says_so(world: World) -> None:
    await world.publish("alice")
    await world.until_said("live:alice")
    assert await refusal(await world.post("/whip/demo", offer(), "host")) == (409, "publisher_busy")
    await world.publish("host", X_Danmart_Takeover="1")
    await world.until_said("live:alice", "live:host")


async def test_publisher_that_never_connects_is_forgotten() -> None:
    async with running_world(connect_timeout_s=0.3) as world:
        await world.publish("alice")
        await world.until_said("live:alice")
        assert (await world.post("/whip/demo", offer(), "alice", X_Danmart_Takeover="1")).status == 201
        await until(lambda: world.service._streams["demo"]._successor is None, "the successor given up")
        assert world.stage.said == ["live:alice"]


async def test_whep_refuses(world: World) -> None:
    assert await refusal(await world.post("/whep/demo", offer("recvonly"))) == (404, "not_live")
    world.gate.watchers_refused = "forbidden"
    assert await refusal(await world.post("/whep/demo", offer("recvonly"))) == (403, "forbidden")
    world.gate.watchers_refused = None
    await world.publish()
    await world.until_said("live:alice")
    assert await refusal(await world.post("/whep/demo", "v=1")) == (400, "bad_sdp")
    av1 = await world.post("/whep/demo", offer("recvonly", "AV1/90000"))
    assert await refusal(av1) == (406, "no_common_codec")
    sending = await world.post("/whep/demo", offer("sendonly"))
    assert await refusal(sending) == (406, "no_common_codec")


async def test_full_node_sends_viewers_to_hls() -> None:
    async with running_world(whep_capacity=1) as world:
        await world.publish()
        await world.until_said("live:alice")
        first = await world.watch()
        response = await world.post("/whep/demo", offer("recvonly"))
        assert int(response.headers["Retry-After"]) > 0
        assert response.headers["Link"] == (
            '</hls/demo/index.m3u8>; rel="alternate"; type="application/vnd.apple.mpegurl"'
        )
        assert await refusal(response) == (503, "node_full")
        assert await first.delete() == 200
        assert (await world.post("/whep/demo", offer("recvonly"))).status == 201


async def test_viewers_that_never_connect_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whep, "_CONNECTS_WITHIN_S", 0.2)
    async with running_world(whep_capacity=1) as world:
        await world.publish()
        await world.until_said("live:alice")
        dead = await world.post("/whep/demo", offer("recvonly"))
        assert dead.status == 201
        soon = await world.post("/whep/demo", offer("recvonly"))
        assert await refusal(soon) == (503, "node_full")
        peer = next(iter(world.service._whep._sessions.values())).peer
        await until(lambda: peer.age_s(world.service._clock()) > 0.2, "it has taken its time")
        viewer = await world.watch()
        await viewer.see(1)
        assert (await world.http.delete(dead.headers["Location"])).status == 404
        assert await refusal(await world.post("/whep/demo", offer("recvonly"))) == (503, "node_full")


async def test_viewers_session_takes_patch_and_delete(world: World) -> None:
    await world.publish()
    await world.until_said("live:alice")
    viewer = await world.watch()
    body = fragment(*remote_credentials(viewer))
    assert (await patch(world, viewer, body, viewer.etag)).status == 204
    assert await viewer.delete() == 200
    assert await viewer.delete() == 404
