"""Splitsweep from Python: submit sweeps, watch them, and read their tables.

    import splitsweep

    with splitsweep.connect("http://127.0.0.1:7070") as coordinator:     # or splitsweep.open_store("sweeps.db")
        sweep = coordinator.submit("sweep.yaml").sweep
        for progress in coordinator.watch(sweep):
            print(progress.succeeded, "of", progress.jobs)
        print(coordinator.candidates(sweep).to_pandas())
"""

from .coordinator import Coordinator, Progress, Submitted, connect
from .errors import SplitsweepError
from .store import Store, open_store
from .table import Table

__all__ = ["Coordinator", "Progress", "SplitsweepError", "Store", "Submitted", "Table", "connect", "open_store"]
__version__ = "0.1.0"
