"""RFC 9725, rule by rule. Each test names its section; what two sections share is tested in test_http.py."""

from __future__ import annotations

import pytest
from aiohttp import ClientResponse

from tests.media.test_http import FRAGMENT, fragment, offer, patch, refusal, remote_credentials
from tests.media.world import World, until

AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
"""


def both(audio: str = AUDIO, *, group: str = "a=group:BUNDLE 0 1", video: str = "") -> str:
    """An offer of picture and sound; ``video`` is added to the picture's section."""
    text = offer().replace("a=group:BUNDLE 0", group)
    return text + (video + audio).replace("\n", "\r\n")


async def post(world: World, body: str) -> ClientResponse:
    return await world.post("/whip/demo", body, "alice", X_Danmart_Takeover="1")


async def test_4_2_offer_is_answered_with_201_and_a_session(world: World) -> None:
    response = await post(world, both())
    assert response.status == 201
    assert response.content_type == "application/sdp"
    assert response.headers["Location"].startswith("/whip/demo/")
    answer = (await response.text()).split("\r\n")
    assert answer.count("a=recvonly") == 2
    assert not any(line in answer for line in ("a=sendrecv", "a=sendonly", "a=inactive"))


@pytest.mark.parametrize("direction", ["sendonly", "sendrecv"])
async def test_4_2_offer_may_send_and_receive(world: World, direction: str) -> None:
    response = await post(world, offer(direction))
    assert response.status == 201
    assert "a=recvonly" in await response.text()


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
async def test_4_2_offer_must_send(world: World, direction: str) -> None:
    assert await refusal(await post(world, offer(direction))) == (406, "not_acceptable")
    half = both(AUDIO.replace("sendonly", direction))
    assert await refusal(await post(world, half)) == (406, "not_acceptable")


async def test_4_2_content_type_may_have_parameters_but_must_be_sdp(world: World) -> None:
    named = await world.post("/whip/demo", offer(), "alice", Content_Type="application/sdp; charset=utf-8")
    assert named.status == 201
    none = await world.http.post(
        "/whip/demo",
        data=offer().encode(),
        headers={"Authorization": "Bearer alice"},
        skip_auto_headers=["Content-Type"],
    )
    assert await refusal(none) == (415, "unsupported_media_type")


async def test_4_2_media_server_that_ends_a_session_revokes_consent(world: World) -> None:
    client = await world.publish()
    await world.until_said("live:alice")
    assert await client.delete() == 200
    await until(lambda: client.peer.connectionState == "closed", "the publisher hears that it is over")
    await world.until_said("live:alice", "ended:stopped")


async def test_4_2_delete_can_be_repeated_by_its_principal_only(world: World) -> None:
    client = await world.publish()
    assert await client.delete() == 200
    assert await client.delete() == 200
    bob = {"Authorization": "Bearer bob"}
    assert await refusal(await world.http.delete(client.location, headers=bob)) == (404, "not_found")
    assert await refusal(await world.http.delete(client.location)) == (401, "unauthenticated")


async def test_4_2_delete_ignores_entity_tags(world: World) -> None:
    client = await world.publish()
    headers = {"Authorization": "Bearer alice", "If-Match": '"something else"'}
    assert (await world.http.delete(client.location, headers=headers)).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_4_2_other_methods_are_reserved_on_the_endpoint(world: World, method: str) -> None:
    response = await world.http.request(method, "/whip/demo")
    assert (response.status, response.headers["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "TRACE"])
async def test_4_2_other_methods_are_reserved_on_the_session(world: World, method: str) -> None:
    client = await world.publish()
    response = await world.http.request(method, client.location)
    assert (response.status, response.headers["Allow"]) == (405, "PATCH, DELETE, OPTIONS")


async def test_4_2_options_is_200_with_accept_post(world: World) -> None:
    response = await world.http.options("/whip/demo")
    assert response.status == 200
    assert response.headers["Accept-Post"] == "application/sdp"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Link" not in response.headers  # 4.6: nothing is minted for a preflight


async def test_4_3_answer_has_all_candidates_and_a_lite_agent(world: World) -> None:
    answer = (await (await post(world, both())).text()).split("\r\n")
    assert "a=ice-lite" in answer
    assert "a=end-of-candidates" in answer
    assert any(line.startswith("a=candidate:") for line in answer)


async def test_4_3_1_entity_tag_is_strong_and_new_with_each_session_and_restart(world: World) -> None:
    client = await world.publish()
    seen = {client.etag}
    for number in range(3):
        restarted = await patch(world, client, fragment(f"ufrag{number}", "b" * 24), "*")
        assert restarted.status == 200
        seen.add(restarted.headers["ETag"])
    assert len(seen) == 4
    assert all(tag.startswith('"') for tag in seen)
    weak = await patch(world, client, fragment("ufrag2", "b" * 24), f"W/{restarted.headers['ETag']}")
    assert await refusal(weak) == (412, "precondition_failed")


async def test_4_3_2_trickle_is_204_without_a_body_and_skips_what_it_cannot_use(world: World) -> None:
    client = await world.publish()
    body = fragment(*remote_credentials(client)) + "a=candidate:2 1 sctp 1 host.invalid 9 typ odd\r\n"
    response = await patch(world, client, body, client.etag)
    assert response.status == 204
    assert await response.read() == b""


async def test_4_3_3_restart_that_fails_leaves_the_session_as_it_is(world: World) -> None:
    client = await world.publish()
    await world.until_said("live:alice")
    for body in ("a=ice-ufrag:newufrag\r\n", "a=ice-ufrag:x\r\na=ice-pwd:short\r\n"):
        assert await refusal(await patch(world, client, body, "*")) == (400, "bad_sdp_fragment")
    still = await patch(world, client, fragment(*remote_credentials(client)), client.etag)
    assert still.status == 204
    assert world.stage.said == ["live:alice"]


async def test_4_3_3_restart_answers_as_a_lite_agent(world: World) -> None:
    client = await world.publish()
    response = await patch(world, client, fragment("newufrag", "b" * 24), "*")
    assert response.content_type == FRAGMENT
    lines = (await response.text()).split("\r\n")
    assert lines[0] == "a=ice-lite"
    assert lines[-2] == "a=end-of-candidates"


@pytest.mark.parametrize("group", ["a=x", "a=group:BUNDLE 0", "a=group:BUNDLE 0\r\na=group:BUNDLE 1"])
async def test_4_4_1_all_media_are_in_one_bundle(world: World, group: str) -> None:
    assert await refusal(await post(world, both(group=group))) == (400, "bad_sdp")


async def test_4_4_1_rtcp_is_multiplexed(world: World) -> None:
    assert await refusal(await post(world, both(AUDIO.replace("a=rtcp-mux", "a=x")))) == (400, "bad_sdp")
    answer = await (await post(world, both(video="a=rtcp-mux-only\n"))).text()
    assert answer.count("a=rtcp-mux\r\n") == 2
    assert "rtcp-mux-only" not in answer  # RFC 8858, 4.3 forbids it in answers


async def test_4_4_2_at_most_one_track_of_each_kind(world: World) -> None:
    second = AUDIO.replace("a=mid:1", "a=mid:2")
    two = both(AUDIO + second, group="a=group:BUNDLE 0 1 2")
    assert await refusal(await post(world, two)) == (406, "not_acceptable")


async def test_4_4_2_a_single_media_stream(world: World) -> None:
    one = both(AUDIO + "a=msid:stream two\n", video="a=msid:stream one\n")
    assert (await post(world, one)).status == 201
    none = both(AUDIO + "a=msid:- two\n", video="a=msid:- one\n")
    assert (await post(world, none)).status == 201
    apart = both(AUDIO + "a=msid:other two\n", video="a=msid:stream one\n")
    assert await refusal(await post(world, apart)) == (406, "not_acceptable")


async def test_4_4_3_nothing_is_accepted_in_part(world: World) -> None:
    odd_sound = both(AUDIO.replace("opus/48000/2", "PCMU/8000"))
    assert await refusal(await post(world, odd_sound)) == (406, "no_common_codec")
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:1\na=rtcp-mux\n"
    assert await refusal(await post(world, both(data))) == (406, "not_acceptable")
    assert world.service.publisher_stats("demo") is None


async def test_4_4_3_what_the_client_gave_up_itself_is_no_error(world: World) -> None:
    given_up = both(AUDIO.replace("m=audio 9", "m=audio 0").replace("sendonly", "inactive"))
    response = await post(world, given_up.replace("BUNDLE 0 1", "BUNDLE 0"))
    assert response.status == 201
    assert "m=audio 0 " in await response.text()


@pytest.mark.parametrize(
    ("setup", "answered"), [("actpass", "passive"), ("active", "passive"), ("passive", "active")]
)
async def test_4_4_4_dtls_role_follows_the_offer(world: World, setup: str, answered: str) -> None:
    response = await post(world, offer().replace("a=setup:actpass", f"a=setup:{setup}"))
    assert response.status == 201
    assert f"a=setup:{answered}" in await response.text()


async def test_4_4_4_unknown_dtls_role_is_malformed(world: World) -> None:
    odd = offer().replace("a=setup:actpass", "a=setup:holdconn")
    assert await refusal(await post(world, odd)) == (400, "bad_sdp")


async def test_4_5_node_that_is_closing_says_when_to_try_again(world: World) -> None:
    world.service._node.close()
    response = await post(world, offer())
    assert int(response.headers["Retry-After"]) >= 1
    assert await refusal(response) == (503, "temporarily_unavailable")


async def test_4_7_every_request_to_a_session_needs_the_credential(world: World) -> None:
    client = await world.publish()
    headers = {"Content-Type": FRAGMENT, "If-Match": client.etag}
    body = fragment(*remote_credentials(client))
    nobody = await world.http.patch(client.location, data=body, headers=headers)
    assert await refusal(nobody) == (401, "unauthenticated")
    wrong_scheme = await world.http.delete(client.location, headers={"Authorization": "Basic alice"})
    assert await refusal(wrong_scheme) == (401, "unauthenticated")


async def test_5_sessions_are_opened_at_a_bounded_rate(world: World) -> None:
    statuses = [(await post(world, offer())).status for _ in range(20)]
    assert statuses == [201] * 20
    flooded = await post(world, offer())
    assert int(flooded.headers["Retry-After"]) >= 1
    assert await refusal(flooded) == (429, "rate_limited")
    assert (await world.post("/whip/demo", offer(), "bob")).status != 429
