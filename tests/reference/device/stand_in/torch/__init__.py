"""Stands in for PyTorch where it is not installed: everything is there, and does nothing. Only what is printed is made up."""

import sys
import types


class Anything:
    def __init__(self, *_args, **_named):
        pass

    def __call__(self, *_args, **_named):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    __gt__ = __matmul__ = __call__


class Cudnn(Anything):
    def version(self):
        return 91900


class device:
    def __init__(self, name):
        self.type = name.split(":")[0]


class Event:
    def __init__(self, name, microseconds):
        self.name, self.device_type = name, "gpu"
        self.time_range = types.SimpleNamespace(elapsed_us=lambda: microseconds)


class Profile(Anything):
    def events(self):
        kernels = {"sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32": 120.5, "multi_tensor_apply_kernel": 30.25, "clamp{lambda()#1}": 10.0}
        # the optimizer's mark, which is no kernel
        return [Event(name, time) for name, time in kernels.items()] * 2 + [Event("Optimizer.step#Adam.step", 500.0)]


__version__ = "0.0+stand-in"
version = types.SimpleNamespace(cuda="13.0")
backends = types.SimpleNamespace(cudnn=Cudnn(), cuda=Anything())
profiler = types.SimpleNamespace(profile=Profile, ProfilerActivity=Anything())
autograd = types.SimpleNamespace(DeviceType=types.SimpleNamespace(CUDA="gpu", CPU="gpu"))
for name in ("torch.nn", "torch.nn.functional", "torch._dynamo"):
    sys.modules[name] = Anything()


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Anything()
