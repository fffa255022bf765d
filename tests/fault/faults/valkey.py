"""Faults of the gate's server: killed, restarted with old data, replaced, emptied, stopped, out of memory."""

from __future__ import annotations

import asyncio
import signal

import redis

from tests.fault.cluster import upstream
from tests.fault.faults.fault import fault
from tests.fault.scene import Scene

STOPPED_S = 10.0
FULL_S = 3.0
ONE_BYTE = 1


@fault("valkey-killed", wave="valkey", healed="when the server responds again", hides=True)
async def killed(scene: Scene) -> None:
    """kill -9; no data was on disk."""
    await asyncio.to_thread(scene.cluster.valkey.kill)
    await asyncio.to_thread(scene.cluster.valkey.start)


@fault(
    "valkey-killed-with-aof",
    wave="valkey",
    healed="when the server responds again, with its data from disk",
    hides=True,
)
async def killed_with_persistence(scene: Scene) -> None:
    """kill -9 with appendonly and fsync every second: it restarts with data that is a second old."""
    scene.valkey("CONFIG", "SET", "appendonly", "yes")
    await scene.comes_true(lambda: not _writing(scene), "the first append-only file is written")
    scene.valkey("CONFIG", "REWRITE")
    await scene.more_answers(scene.settings.rate)
    await asyncio.to_thread(scene.cluster.valkey.kill)
    await asyncio.to_thread(scene.cluster.valkey.start)
    scene.healed()
    scene.expect(scene.valkey("DBSIZE") != 0, "the server came back empty: nothing was persisted")
    scene.valkey("CONFIG", "SET", "appendonly", "no")
    scene.valkey("CONFIG", "REWRITE")


@fault(
    "valkey-replica-promoted", wave="valkey", short=True, healed="when clients reach the promoted replica", hides=True
)
async def promoted(scene: Scene) -> None:
    """kill -9 of the primary; its replica, which may lag, is promoted, and the proxy points at it."""
    cluster = scene.cluster
    host, port = upstream(cluster.valkey.url)
    replica = await cluster.new_valkey(f"valkey-{len(cluster.proxies)}-{scene.run}")
    with redis.Redis.from_url(replica.url) as server:
        server.execute_command("REPLICAOF", host, port)
        await scene.comes_true(
            lambda: server.info("replication")["master_link_status"] == "up", "the replica is linked"
        )
        await scene.more_answers(scene.settings.rate / 2)
        await asyncio.to_thread(cluster.valkey.kill)
        server.execute_command("REPLICAOF", "NO", "ONE")
    cluster.valkey = replica
    cluster.proxies["valkey"].swing(upstream(replica.url))


@fault("valkey-flushed", wave="valkey", healed="at once: the server keeps running", hides=True)
async def flushed(scene: Scene) -> None:
    """FLUSHALL: scripts remain, data is gone."""
    scene.valkey("FLUSHALL")


@fault("valkey-restarted-behind-proxy", wave="valkey", healed="when the server responds again", hides=True)
async def restarted_behind_a_proxy(scene: Scene) -> None:
    """A restart that clients cannot see: their connections to the proxy stay open, requests in flight are lost."""
    proxy = scene.cluster.proxies["valkey"]
    proxy.keeps = True
    await asyncio.to_thread(scene.cluster.valkey.stop)
    await asyncio.to_thread(scene.cluster.valkey.start)
    scene.afterwards.append(lambda _ledger: setattr(proxy, "keeps", False))


@fault("valkey-stopped", wave="valkey", healed="when it resumes, with all queued requests", pause_s=STOPPED_S)
async def stopped(scene: Scene) -> None:
    """SIGSTOP for ten seconds: silence, then late replies to callers that have given up."""
    process = scene.cluster.valkey.process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(scene.settings.pause_s(STOPPED_S))
    process.send_signal(signal.SIGCONT)


@fault("valkey-full", wave="valkey", healed="when memory is available again", pause_s=FULL_S)
async def full(scene: Scene) -> None:
    """No memory for new claims; releases must succeed nevertheless."""
    scene.valkey("CONFIG", "SET", "maxmemory", ONE_BYTE)
    await asyncio.sleep(FULL_S)
    scene.valkey("CONFIG", "SET", "maxmemory", 0)


def _writing(scene: Scene) -> bool:
    with redis.Redis.from_url(scene.cluster.valkey.url) as server:
        about = server.info("persistence")
    return bool(about["aof_rewrite_in_progress"] or about["aof_rewrite_scheduled"])
