"""What DuckDB takes to read a log and write the same columns as Parquet, sorted by (user_id, ts): the least that an ingest does.

python sorted_write.py EVENTS.parquet OUT.parquet
"""

import sys

import duckdb

if __name__ == "__main__":
    source, out = sys.argv[1:]
    con = duckdb.connect(config={"threads": 2})
    con.execute(f"copy (select * from '{source}' order by user_id, ts) to '{out}' (format parquet)")
