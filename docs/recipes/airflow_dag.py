"""Order updates as an Airflow DAG: once with the command, once from Python."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.decorators import dag, task
from airflow.operators.bash import BashOperator

FILE = "/data/incoming/{{ ds }}.xlsx"


@dag(schedule="10 6 * * 1-5", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def order_updates() -> None:
    """Send the day's list; the batch is the day, so a retry finishes what a try began."""
    BashOperator(
        task_id="send",
        # Exit code 1 means that some rows are no: the report says which, and retrying would not help.
        bash_command=f"ordersheet send {FILE} --yes --no-progress --batch {{{{ ds }}}} || [ $? -eq 1 ]",
        retries=5,
        retry_delay=timedelta(minutes=10),
    )

    @task(retries=5, retry_delay=timedelta(minutes=10))
    def send_from_python(path: str, batch: str) -> dict[str, int]:
        import ordersheet  # noqa: PLC0415 - the scheduler that reads this file need not have it

        # RunStopped fails the task, and its retry goes on where this one stopped.
        return dict(ordersheet.send(path, batch=batch).outcomes)

    send_from_python(FILE, "{{ ds }}")


order_updates()
