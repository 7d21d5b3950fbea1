"""What the heat detector learns from, how it is taught, and what it is worth; nothing of this is installed.

A sum is rounded in another order by each number of threads and by each kind of processor that the linear algebra is
asked to use, and a training repeats every such difference a thousand times. So one thread and one kind are asked for,
before numpy is loaded: without that, the same material made other bytes on another machine.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OPENBLAS_CORETYPE"] = "Haswell"
