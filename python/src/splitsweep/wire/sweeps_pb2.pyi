from splitsweep.wire import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
SWEEP_STATE_ENDED: SweepState
SWEEP_STATE_REJECTED: SweepState
SWEEP_STATE_RUNNING: SweepState
SWEEP_STATE_UNSPECIFIED: SweepState
SWEEP_STATE_WAITING_FOR_DATA: SweepState

class CancelRequest(_message.Message):
    __slots__ = ["sweep"]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    sweep: str
    def __init__(self, sweep: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ["cancelled"]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    def __init__(self, cancelled: _Optional[int] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ["preview", "sweep"]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    preview: bool
    sweep: str
    def __init__(self, sweep: _Optional[str] = ..., preview: bool = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ["results", "shared"]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    results: int
    shared: int
    def __init__(self, results: _Optional[int] = ..., shared: _Optional[int] = ...) -> None: ...

class ExtendRequest(_message.Message):
    __slots__ = ["splits", "sweep"]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    splits: int
    sweep: str
    def __init__(self, sweep: _Optional[str] = ..., splits: _Optional[int] = ...) -> None: ...

class ExtendResponse(_message.Message):
    __slots__ = ["added"]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    added: int
    def __init__(self, added: _Optional[int] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ["at", "log", "what"]
    AT_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    at: str
    log: str
    what: str
    def __init__(self, at: _Optional[str] = ..., what: _Optional[str] = ..., log: _Optional[str] = ...) -> None: ...

class JobRequest(_message.Message):
    __slots__ = ["job"]
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: str
    def __init__(self, job: _Optional[str] = ...) -> None: ...

class JobResponse(_message.Message):
    __slots__ = ["file"]
    FILE_FIELD_NUMBER: _ClassVar[int]
    file: str
    def __init__(self, file: _Optional[str] = ...) -> None: ...

class LogResponse(_message.Message):
    __slots__ = ["events", "job", "label", "sweep", "text"]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[JobEvent]
    job: str
    label: str
    sweep: str
    text: str
    def __init__(self, text: _Optional[str] = ..., job: _Optional[str] = ..., sweep: _Optional[str] = ..., label: _Optional[str] = ..., events: _Optional[_Iterable[_Union[JobEvent, _Mapping]]] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ["for_bundle", "metric", "out", "source", "sweep"]
    FOR_BUNDLE_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    OUT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    for_bundle: bool
    metric: str
    out: str
    source: str
    sweep: str
    def __init__(self, sweep: _Optional[str] = ..., source: _Optional[str] = ..., out: _Optional[str] = ..., metric: _Optional[str] = ..., for_bundle: bool = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ["file", "piece"]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    file: str
    piece: bytes
    def __init__(self, file: _Optional[str] = ..., piece: _Optional[bytes] = ...) -> None: ...

class RetryRequest(_message.Message):
    __slots__ = ["sweep"]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    sweep: str
    def __init__(self, sweep: _Optional[str] = ...) -> None: ...

class RetryResponse(_message.Message):
    __slots__ = ["retried"]
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    retried: int
    def __init__(self, retried: _Optional[int] = ...) -> None: ...

class RunningJob(_message.Message):
    __slots__ = ["attempt", "epoch", "epochs", "job", "label", "loss", "measured_ms", "seconds", "sweep"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_MS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    epoch: int
    epochs: int
    job: str
    label: str
    loss: float
    measured_ms: int
    seconds: float
    sweep: str
    def __init__(self, sweep: _Optional[str] = ..., job: _Optional[str] = ..., attempt: _Optional[int] = ..., label: _Optional[str] = ..., epoch: _Optional[int] = ..., epochs: _Optional[int] = ..., loss: _Optional[float] = ..., seconds: _Optional[float] = ..., measured_ms: _Optional[int] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ["sweep"]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    sweep: str
    def __init__(self, sweep: _Optional[str] = ...) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ["at_ms", "epochs_per_second", "sweeps", "workers"]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SWEEPS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    epochs_per_second: float
    sweeps: _containers.RepeatedCompositeFieldContainer[SweepStatus]
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    def __init__(self, sweeps: _Optional[_Iterable[_Union[SweepStatus, _Mapping]]] = ..., workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ..., epochs_per_second: _Optional[float] = ..., at_ms: _Optional[int] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ["file", "preview", "simulated", "text"]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    file: str
    preview: bool
    simulated: bool
    text: str
    def __init__(self, file: _Optional[str] = ..., text: _Optional[str] = ..., simulated: bool = ..., preview: bool = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ["hidden", "jobs", "new", "note", "retried", "running", "succeeded", "sweep", "unknown", "waiting"]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    hidden: int
    jobs: int
    new: int
    note: str
    retried: int
    running: int
    succeeded: int
    sweep: str
    unknown: int
    waiting: int
    def __init__(self, sweep: _Optional[str] = ..., jobs: _Optional[int] = ..., succeeded: _Optional[int] = ..., retried: _Optional[int] = ..., running: _Optional[int] = ..., waiting: _Optional[int] = ..., new: _Optional[int] = ..., unknown: _Optional[int] = ..., hidden: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class SweepStatus(_message.Message):
    __slots__ = ["cancelled", "dropped", "epochs", "epochs_done", "failed", "jobs", "problem", "queued", "running", "simulated", "state", "succeeded", "sweep"]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_DONE_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    dropped: int
    epochs: int
    epochs_done: int
    failed: int
    jobs: int
    problem: str
    queued: int
    running: int
    simulated: bool
    state: SweepState
    succeeded: int
    sweep: str
    def __init__(self, sweep: _Optional[str] = ..., state: _Optional[_Union[SweepState, str]] = ..., jobs: _Optional[int] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ..., succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., epochs: _Optional[int] = ..., epochs_done: _Optional[int] = ..., simulated: bool = ..., problem: _Optional[str] = ..., dropped: _Optional[int] = ...) -> None: ...

class TablesRequest(_message.Message):
    __slots__ = ["caption", "columns", "format", "label", "metrics", "rows", "sort", "state", "sweep", "top", "width"]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    caption: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    format: str
    label: str
    metrics: _containers.RepeatedScalarFieldContainer[str]
    rows: str
    sort: str
    state: str
    sweep: str
    top: int
    width: int
    def __init__(self, sweep: _Optional[str] = ..., rows: _Optional[str] = ..., format: _Optional[str] = ..., metrics: _Optional[_Iterable[str]] = ..., columns: _Optional[_Iterable[str]] = ..., sort: _Optional[str] = ..., top: _Optional[int] = ..., width: _Optional[int] = ..., caption: _Optional[str] = ..., label: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class TablesResponse(_message.Message):
    __slots__ = ["left_out", "text"]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    left_out: _containers.RepeatedScalarFieldContainer[str]
    text: bytes
    def __init__(self, text: _Optional[bytes] = ..., left_out: _Optional[_Iterable[str]] = ...) -> None: ...

class WeightsRequest(_message.Message):
    __slots__ = ["best", "list_only", "sweep"]
    BEST_FIELD_NUMBER: _ClassVar[int]
    LIST_ONLY_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    best: bool
    list_only: bool
    sweep: str
    def __init__(self, sweep: _Optional[str] = ..., best: bool = ..., list_only: bool = ...) -> None: ...

class WeightsResponse(_message.Message):
    __slots__ = ["job", "piece", "problem", "weights"]
    JOB_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    job: str
    piece: bytes
    problem: str
    weights: _job_pb2.KeptWeights
    def __init__(self, job: _Optional[str] = ..., weights: _Optional[_Union[_job_pb2.KeptWeights, _Mapping]] = ..., piece: _Optional[bytes] = ..., problem: _Optional[str] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ["connected", "device", "host", "last_seen_ms", "name", "notices", "quarantined", "readings", "running", "silent", "slots", "worker"]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SILENT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    connected: bool
    device: str
    host: str
    last_seen_ms: int
    name: str
    notices: _containers.RepeatedScalarFieldContainer[str]
    quarantined: bool
    readings: _containers.RepeatedCompositeFieldContainer[_job_pb2.DeviceReading]
    running: _containers.RepeatedCompositeFieldContainer[RunningJob]
    silent: bool
    slots: int
    worker: str
    def __init__(self, worker: _Optional[str] = ..., name: _Optional[str] = ..., host: _Optional[str] = ..., device: _Optional[str] = ..., slots: _Optional[int] = ..., running: _Optional[_Iterable[_Union[RunningJob, _Mapping]]] = ..., notices: _Optional[_Iterable[str]] = ..., connected: bool = ..., quarantined: bool = ..., silent: bool = ..., last_seen_ms: _Optional[int] = ..., readings: _Optional[_Iterable[_Union[_job_pb2.DeviceReading, _Mapping]]] = ...) -> None: ...

class SweepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
