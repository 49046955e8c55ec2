import subprocess
import sys

CODE = """
from features.lean import for_one_task
for_one_task()
import numpy as np
import pyarrow as pa
big = [pa.array(np.arange(3_000_000) * 1.0).cast(pa.float32()) for _ in range(3)]
try:
    import pandas
except ImportError as error:
    print(pa.default_memory_pool().backend_name, big[0][7].as_py(), error)
"""


def test_one_task_goes_without_pandas_and_with_one_pool_of_memory():
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert told.stdout == "system 7.0 pandas is kept out of this process; see features/lean.py.\n"
    assert told.stderr == ""
