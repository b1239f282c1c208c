"""Order updates as an Airflow DAG: one task, one pass of a job."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta

from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException

# A task's working folder is gone after it: every place is a full path, `source` and `report_to` of the job too.
COMMAND = (
    "/usr/local/bin/ordersheet jobs run nightly --config /etc/ordersheet/ordersheet.toml "
    "--ledger /var/lib/ordersheet/ledger.db --log-format json"
)


@dag(schedule="30 6 * * 1-5", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def order_updates() -> None:
    """Take and send what has come; a retry goes on where a try stopped."""

    @task(retries=5, retry_delay=timedelta(minutes=10))
    def run_job() -> int:
        code = subprocess.run(COMMAND.split(), check=False).returncode
        if code == 2:
            raise AirflowFailException("Nothing was sent; somebody has to mend something. See the log.")
        if code not in (0, 1):
            raise AirflowException(f"Stopped before the end (exit code {code}).")
        return code  # 1: some rows are no, and the job's message says which.

    run_job()


order_updates()
