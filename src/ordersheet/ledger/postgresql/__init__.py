"""A ledger that many share, in a database of PostgreSQL's: the only place that imports psycopg.

Its tables stand in a schema of their own. Who is alive is told by leases, which end by the database's clock.
"""

from ordersheet.ledger.postgresql.database import PostgresDatabase
from ordersheet.ledger.postgresql.health import check
from ordersheet.ledger.postgresql.making import make, upgrade

__all__ = ["PostgresDatabase", "check", "make", "upgrade"]
