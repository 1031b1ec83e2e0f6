from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

BASELINE_KIND_ALL_FOREGROUND: BaselineKind
BASELINE_KIND_MEAN_MASK: BaselineKind
BASELINE_KIND_OTSU: BaselineKind
BASELINE_KIND_UNSPECIFIED: BaselineKind
DATASET_FORMAT_FOLDER: DatasetFormat
DATASET_FORMAT_PH2: DatasetFormat
DATASET_FORMAT_SYNTHETIC: DatasetFormat
DATASET_FORMAT_UNSPECIFIED: DatasetFormat
DESCRIPTOR: _descriptor.FileDescriptor
FAILURE_KIND_CRASHED: FailureKind
FAILURE_KIND_DATA: FailureKind
FAILURE_KIND_ERROR: FailureKind
FAILURE_KIND_OUT_OF_MEMORY: FailureKind
FAILURE_KIND_TOO_LARGE: FailureKind
FAILURE_KIND_UNSPECIFIED: FailureKind
VERDICT_DEGENERATE: Verdict
VERDICT_DIVERGED: Verdict
VERDICT_TRAINED: Verdict
VERDICT_TRIVIAL: Verdict
VERDICT_UNSPECIFIED: Verdict

class Artifact(_message.Message):
    __slots__ = ["case", "iou", "of", "png", "rank"]
    CASE_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    case: int
    iou: float
    of: int
    png: bytes
    rank: int
    def __init__(self, case: _Optional[int] = ..., rank: _Optional[int] = ..., of: _Optional[int] = ..., iou: _Optional[float] = ..., png: _Optional[bytes] = ...) -> None: ...

class Baseline(_message.Message):
    __slots__ = ["kind", "test", "validation"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    kind: BaselineKind
    test: _containers.RepeatedScalarFieldContainer[int]
    validation: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, kind: _Optional[_Union[BaselineKind, str]] = ..., validation: _Optional[_Iterable[int]] = ..., test: _Optional[_Iterable[int]] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ["cases", "format", "image_prefix", "image_suffix", "images", "invert", "lists", "mask", "mask_prefix", "mask_suffix", "masks", "name", "root", "seed"]
    CASES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_PREFIX_FIELD_NUMBER: _ClassVar[int]
    IMAGE_SUFFIX_FIELD_NUMBER: _ClassVar[int]
    INVERT_FIELD_NUMBER: _ClassVar[int]
    LISTS_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    MASK_PREFIX_FIELD_NUMBER: _ClassVar[int]
    MASK_SUFFIX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    cases: int
    format: DatasetFormat
    image_prefix: str
    image_suffix: str
    images: str
    invert: bool
    lists: str
    mask: str
    mask_prefix: str
    mask_suffix: str
    masks: str
    name: str
    root: str
    seed: int
    def __init__(self, name: _Optional[str] = ..., format: _Optional[_Union[DatasetFormat, str]] = ..., root: _Optional[str] = ..., cases: _Optional[int] = ..., seed: _Optional[int] = ..., images: _Optional[str] = ..., masks: _Optional[str] = ..., mask_prefix: _Optional[str] = ..., mask_suffix: _Optional[str] = ..., mask: _Optional[str] = ..., invert: bool = ..., lists: _Optional[str] = ..., image_prefix: _Optional[str] = ..., image_suffix: _Optional[str] = ...) -> None: ...

class DeviceReading(_message.Message):
    __slots__ = ["device", "energy_joules", "memory_total_mib", "memory_used_mib", "power_watts", "temperature_celsius", "utilization"]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ENERGY_JOULES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_MIB_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_MIB_FIELD_NUMBER: _ClassVar[int]
    POWER_WATTS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_CELSIUS_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    device: str
    energy_joules: float
    memory_total_mib: int
    memory_used_mib: int
    power_watts: float
    temperature_celsius: float
    utilization: float
    def __init__(self, device: _Optional[str] = ..., memory_used_mib: _Optional[int] = ..., memory_total_mib: _Optional[int] = ..., utilization: _Optional[float] = ..., power_watts: _Optional[float] = ..., energy_joules: _Optional[float] = ..., temperature_celsius: _Optional[float] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ["counts", "loss", "measured"]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    loss: float
    measured: _containers.RepeatedCompositeFieldContainer[Measured]
    def __init__(self, loss: _Optional[float] = ..., counts: _Optional[_Iterable[int]] = ..., measured: _Optional[_Iterable[_Union[Measured, _Mapping]]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ["bound", "found", "rule"]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    bound: float
    found: float
    rule: str
    def __init__(self, rule: _Optional[str] = ..., found: _Optional[float] = ..., bound: _Optional[float] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ["kind", "log", "message"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: FailureKind
    log: str
    message: str
    def __init__(self, kind: _Optional[_Union[FailureKind, str]] = ..., message: _Optional[str] = ..., log: _Optional[str] = ...) -> None: ...

class JobResult(_message.Message):
    __slots__ = ["artifacts", "baselines", "best_epoch", "device", "energy_joules", "epochs", "evidence", "parameters", "peak_mib", "split_hash", "test", "train_seconds", "validation", "verdict", "weights"]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    BEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ENERGY_JOULES_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MIB_FIELD_NUMBER: _ClassVar[int]
    SPLIT_HASH_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    TRAIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedCompositeFieldContainer[Artifact]
    baselines: _containers.RepeatedCompositeFieldContainer[Baseline]
    best_epoch: int
    device: str
    energy_joules: float
    epochs: int
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    parameters: int
    peak_mib: int
    split_hash: str
    test: Evaluation
    train_seconds: float
    validation: Evaluation
    verdict: Verdict
    weights: KeptWeights
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., epochs: _Optional[int] = ..., best_epoch: _Optional[int] = ..., validation: _Optional[_Union[Evaluation, _Mapping]] = ..., test: _Optional[_Union[Evaluation, _Mapping]] = ..., train_seconds: _Optional[float] = ..., parameters: _Optional[int] = ..., device: _Optional[str] = ..., split_hash: _Optional[str] = ..., baselines: _Optional[_Iterable[_Union[Baseline, _Mapping]]] = ..., artifacts: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ..., weights: _Optional[_Union[KeptWeights, _Mapping]] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., peak_mib: _Optional[int] = ..., energy_joules: _Optional[float] = ...) -> None: ...

class KeptWeights(_message.Message):
    __slots__ = ["bytes", "hash", "place"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    hash: str
    place: str
    def __init__(self, hash: _Optional[str] = ..., bytes: _Optional[int] = ..., place: _Optional[str] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ["attempt", "job", "token"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    job: str
    token: str
    def __init__(self, job: _Optional[str] = ..., attempt: _Optional[int] = ..., token: _Optional[str] = ...) -> None: ...

class Measured(_message.Message):
    __slots__ = ["metric", "values"]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    metric: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ["epoch", "seconds", "train_loss", "validation"]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    seconds: float
    train_loss: float
    validation: Scores
    def __init__(self, epoch: _Optional[int] = ..., train_loss: _Optional[float] = ..., validation: _Optional[_Union[Scores, _Mapping]] = ..., seconds: _Optional[float] = ...) -> None: ...

class Scores(_message.Message):
    __slots__ = ["accuracy", "dice", "iou", "loss", "sensitivity", "specificity", "thresholded_iou"]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    DICE_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    SPECIFICITY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDED_IOU_FIELD_NUMBER: _ClassVar[int]
    accuracy: float
    dice: float
    iou: float
    loss: float
    sensitivity: float
    specificity: float
    thresholded_iou: float
    def __init__(self, loss: _Optional[float] = ..., iou: _Optional[float] = ..., thresholded_iou: _Optional[float] = ..., dice: _Optional[float] = ..., sensitivity: _Optional[float] = ..., specificity: _Optional[float] = ..., accuracy: _Optional[float] = ...) -> None: ...

class DatasetFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class BaselineKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class FailureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
