// As much of the CUDA driver, cuBLAS and cuRAND as opening a device and running our kernels takes, on the CPU.
//
// Memory ends at a page that cannot be touched and begins as not-a-number, so that kernels that read or write too far fail, and so
// do those that read what nobody wrote.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t Address;

// Attributes of a Hopper, as far as they are asked for: compute capability 9.0, memory pools.
const int MAJOR = 75, POOLS = 115;
const int RELEASE_THRESHOLD = 4, RESERVED_MEM_HIGH = 6;

static std::map<Address, std::pair<void *, size_t>> allocations;
static uint64_t reserved, reserved_high;

extern "C" {

int cuInit(unsigned) { return 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int) { return *device = 0, 0; }
int cuDeviceGetPCIBusId(char *text, int length, int) { return snprintf(text, length, "0000:00:00.0"), 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = (size_t)8 << 30, 0; }
int cuDeviceGetName(char *name, int length, int) { return snprintf(name, length, "emulated"), 0; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    return *value = attribute == MAJOR ? 9 : attribute == POOLS, 0;
}
int cuDevicePrimaryCtxRetain(void **context, int) { return *context = (void *)1, 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuDevicePrimaryCtxRelease(int) { return 0; }
int cuCtxGetCurrent(void **context) { return *context = (void *)1, 0; }
int cuCtxSetCurrent(void *) { return 0; }
int cuCtxSynchronize() { return 0; }
int cuStreamSynchronize(void *) { return 0; }
int cuStreamWaitEvent(void *, void *, unsigned) { return 0; }
int cuStreamIsCapturing(void *, int *status) { return *status = 0, 0; }
int cuEventCreate(void **event, unsigned) { return *event = (void *)1, 0; }
int cuEventDestroy_v2(void *) { return 0; }
int cuEventRecord(void *, void *) { return 0; }
int cuGetErrorName(int, const char **name) { return *name = "error of the emulated device", 0; }
int cuGetErrorString(int, const char **text) { return *text = "error of the emulated device", 0; }

int cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = (void *)1, 0; }
int cuMemPoolTrimTo(void *, size_t) { return 0; }
int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
int cuStreamCreate(void **stream, unsigned) { return *stream = (void *)1, 0; }
int cuStreamDestroy_v2(void *) { return 0; }
int cuMemPoolSetAttribute(void *, int attribute, const uint64_t *value) {
    if (attribute == RESERVED_MEM_HIGH && *value == 0) return reserved_high = reserved, 0;
    return attribute == RELEASE_THRESHOLD && *value == UINT64_MAX ? 0 : 1;
}
int cuMemPoolGetAttribute(void *, int attribute, uint64_t *value) {
    return attribute == RESERVED_MEM_HIGH ? *value = reserved_high, 0 : 1;
}

int cuMemAlloc_v2(Address *address, size_t bytes) {
    size_t page = sysconf(_SC_PAGESIZE), length = (bytes + 15) / 16 * 16;
    size_t whole = (length + page - 1) / page * page + page;
    char *start = (char *)mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return 2;
    char *guard = start + whole - page;
    memset(start, 0xff, whole - page);
    mprotect(guard, page, PROT_NONE);
    *address = (Address)(guard - length);
    allocations[*address] = {start, whole};
    reserved += whole;
    if (reserved > reserved_high) reserved_high = reserved;
    return 0;
}
int cuMemAllocAsync(Address *address, size_t bytes, void *) { return cuMemAlloc_v2(address, bytes); }
int cuMemFree_v2(Address address) {
    auto found = allocations.find(address);
    if (found == allocations.end()) return 1;
    munmap(found->second.first, found->second.second);
    reserved -= found->second.second;
    allocations.erase(found);
    return 0;
}
int cuMemFreeAsync(Address address, void *) { return cuMemFree_v2(address); }
int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, void *) { return memcpy((void *)to, from, bytes), 0; }
int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, void *) { return memcpy(to, (void *)from, bytes), 0; }
int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, void *) {
    return memcpy((void *)to, (void *)from, bytes), 0;
}
int cuMemsetD8Async(Address to, unsigned char value, size_t bytes, void *) { return memset((void *)to, value, bytes), 0; }

int cuModuleLoadData(void **module, const void *path) {
    *module = dlopen((const char *)path, RTLD_NOW | RTLD_LOCAL);
    if (!*module) fprintf(stderr, "%s\n", dlerror());
    return *module ? 0 : 200;
}
int cuModuleUnload(void *module) { return dlclose(module); }
int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = dlsym(module, (std::string("emulated_") + name).c_str());
    return *function ? 0 : 500;
}
int cuLaunchKernel(
    void *function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z, unsigned threads_x, unsigned threads_y, unsigned, unsigned,
    void *, void **arguments, void **) {
    unsigned size[5] = {blocks_x, blocks_y, blocks_z, threads_x, threads_y};
    if (blocks_y > 65535 || blocks_z > 65535 || threads_x * threads_y > 1024) return 1;
    ((void (*)(unsigned *, void **))function)(size, arguments);
    return 0;
}

// What Candle opens with a device

int cublasCreate_v2(void **handle) { return *handle = (void *)1, 0; }
int cublasDestroy_v2(void *) { return 0; }
int cublasSetStream_v2(void *, void *) { return 0; }
int curandCreateGenerator(void **generator, int) { return *generator = (void *)1, 0; }
int curandDestroyGenerator(void *) { return 0; }
int curandSetStream(void *, void *) { return 0; }
int curandSetPseudoRandomGeneratorSeed(void *, unsigned long long) { return 0; }
}
