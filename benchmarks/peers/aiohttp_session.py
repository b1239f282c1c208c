"""One `aiohttp.ClientSession` for all, as many workers as lanes: fast, and unsafe for appends.

    python benchmarks/peers/aiohttp_session.py FILE BASE_URL LANES OUT

aiohttp sends a PUT again by itself where a kept connection ends before the answer. It keeps no ledger either:
run twice, it adds every text twice.
"""

import asyncio
import csv
import sys
from collections.abc import Iterator

import aiohttp


async def work(session: aiohttp.ClientSession, url: str, rows: Iterator[dict[str, str]]) -> None:
    for row in rows:
        payload = {"order": int(row["order"]), "internalComment": row["internalComment"]}
        async with session.put(url, json=payload) as answer:
            said = await answer.json()
        row["update_status"] = "ok" if answer.ok and said["status"] == "ok" else "no"


async def main(file: str, base_url: str, lanes: str, out: str) -> None:
    with open(file, newline="", encoding="utf-8") as source:  # noqa: ASYNC230, PTH123 - as a script does
        rows = list(csv.DictReader(source))
    left = iter(rows)
    connector = aiohttp.TCPConnector(limit=int(lanes))
    headers = {"API-Authorization": "practice-key"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(work(session, f"{base_url}/orders", left) for _ in range(int(lanes))))
    with open(out, "w", newline="", encoding="utf-8") as target:  # noqa: ASYNC230, PTH123 - the same
        writer = csv.DictWriter(target, rows[0])
        writer.writeheader()
        writer.writerows(rows)


asyncio.run(main(*sys.argv[1:]))
