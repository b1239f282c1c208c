"""As many workers as lanes, each with an `httpx.AsyncClient` of its own, which spares the shared pool.

    python benchmarks/peers/httpx_per_lane.py FILE BASE_URL LANES OUT

It keeps no ledger: run twice, it adds every text twice.
"""

import asyncio
import csv
import sys
from collections.abc import Iterator

import httpx


async def work(base_url: str, rows: Iterator[dict[str, str]]) -> None:
    headers = {"API-Authorization": "practice-key"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client:
        for row in rows:
            payload = {"order": int(row["order"]), "internalComment": row["internalComment"]}
            answer = await client.put("/orders", json=payload)
            row["update_status"] = "ok" if answer.is_success and answer.json()["status"] == "ok" else "no"


async def main(file: str, base_url: str, lanes: str, out: str) -> None:
    with open(file, newline="", encoding="utf-8") as source:  # noqa: ASYNC230, PTH123 - as a script does
        rows = list(csv.DictReader(source))
    left = iter(rows)
    await asyncio.gather(*(work(base_url, left) for _ in range(int(lanes))))
    with open(out, "w", newline="", encoding="utf-8") as target:  # noqa: ASYNC230, PTH123 - the same
        writer = csv.DictWriter(target, rows[0])
        writer.writeheader()
        writer.writerows(rows)


asyncio.run(main(*sys.argv[1:]))
