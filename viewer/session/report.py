"""Report of a scene's counters and times, for the debug panel and the benchmarks."""

from __future__ import annotations

from typing import Any

from viewer.graphics import gl
from viewer.model import layers
from viewer.model.settings import LayerChoice
from viewer.scene.scene import Scene
from viewer.session.frame_times import FrameTimes


def collect(scene: Scene, frames: FrameTimes | None = None) -> dict[str, Any]:
    """Return counters and times by topic, plain JSON values; times in milliseconds, sizes in bytes.

    `gpu_ms` is filled while `Settings.debug.timing` is on; `frames` adds a window's frame times.
    """
    stats = scene.stats
    store = scene.store
    report: dict[str, Any] = {
        "renderer": gl.describe(scene.ctx),
        "decoder": scene.decode_backend,
        "cpu_ms": _rounded(scene.timers.cpu_ms),
        "gpu_ms": _rounded(scene.timers.gpu_ms),
        "tiles": {
            "drawn": stats.tiles_drawn,
            "missing": stats.tiles_missing,
            "cached": stats.tiles_cached,
            "culled": stats.tiles_culled,
            "failed": stats.tiles_failed,
        },
        "triangles": stats.triangles,
        "bytes": {"textures": stats.cache_bytes, "texture_budget": stats.cache_budget_bytes},
    }
    if frames is not None:
        p50, p99 = frames.percentiles()
        report["frames"] = {
            "frames": frames.frames,
            "p50_ms": round(p50, 2),
            "p99_ms": round(p99, 2),
        }
    if store is None:
        return report
    queues = store.streamer.queues
    sources = list(store.decoded)
    readers = {id(source.reader): source.reader for source in sources}.values()
    report["queues"] = queues._asdict()
    report["tiles"]["evicted"] = store.cache.evicted
    report["bytes"] |= {
        "payloads_read": store.read_bytes,
        "linked_decoders": sum(source.decoder.cached_bytes for source in sources),
    }
    report["requests"] = {
        "count": sum(reader.traffic.requests for reader in readers),
        "bytes": sum(reader.traffic.bytes for reader in readers),
    }
    report["upload_ms"] = round(store.upload_ms, 3)
    report["decode"] = [
        {
            "layer": layers.label(
                source.layer, LayerChoice(source.key.layer, source.key.keep_bits)
            ),
            "tiles": work.tiles,
            "us_per_tile": round(1e6 * work.seconds / work.tiles),
        }
        for source, work in store.decoded.items()
    ]
    return report


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
