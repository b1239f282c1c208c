"""A ledger that many share, in a database of PostgreSQL's: the only place that imports psycopg.

Its tables stand in a schema of their own. Who is alive is told by leases, which end by the database's clock.
"""

from ordersheet.ledger.postgresql.database import PostgresDatabase

__all__ = ["PostgresDatabase"]
