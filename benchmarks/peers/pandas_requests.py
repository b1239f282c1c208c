"""What many would write first: pandas reads the file, requests sends row by row over one session.

    python benchmarks/peers/pandas_requests.py FILE BASE_URL LANES OUT

It keeps no ledger: run twice, it adds every text twice.
"""

import sys

import pandas as pd
import requests


def main(file: str, base_url: str, _lanes: str, out: str) -> None:
    table = pd.read_csv(file)
    outcomes = []
    with requests.Session() as session:
        session.headers["API-Authorization"] = "practice-key"
        for row in table.itertuples():
            payload = {"order": row.order, "internalComment": row.internalComment}
            answer = session.put(f"{base_url}/orders", json=payload, timeout=30)
            outcomes.append("ok" if answer.ok and answer.json()["status"] == "ok" else "no")
    table["update_status"] = outcomes
    table.to_csv(out, index=False)


main(*sys.argv[1:])
