"""One `httpx.AsyncClient` for all, a task for each row, a semaphore for the number at once.

    python benchmarks/peers/httpx_shared.py FILE BASE_URL LANES OUT

It keeps no ledger: run twice, it adds every text twice.
"""

import asyncio
import csv
import sys

import httpx


async def send(client: httpx.AsyncClient, room: asyncio.Semaphore, row: dict[str, str]) -> None:
    payload = {"order": int(row["order"]), "internalComment": row["internalComment"]}
    async with room:
        answer = await client.put("/orders", json=payload)
    row["update_status"] = "ok" if answer.is_success and answer.json()["status"] == "ok" else "no"


async def main(file: str, base_url: str, lanes: str, out: str) -> None:
    with open(file, newline="", encoding="utf-8") as source:  # noqa: ASYNC230, PTH123 - as a script does
        rows = list(csv.DictReader(source))
    room = asyncio.Semaphore(int(lanes))
    limits = httpx.Limits(max_connections=int(lanes), max_keepalive_connections=int(lanes))
    headers = {"API-Authorization": "practice-key"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, limits=limits, timeout=30) as client:
        await asyncio.gather(*(send(client, room, row) for row in rows))
    with open(out, "w", newline="", encoding="utf-8") as target:  # noqa: ASYNC230, PTH123 - the same
        writer = csv.DictWriter(target, rows[0])
        writer.writeheader()
        writer.writerows(rows)


asyncio.run(main(*sys.argv[1:]))
