// CUDA's language for a C++ compiler: kernels run block by block; the threads of a block are fibers that take turns at barriers.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __launch_bounds__(threads)
#define __shared__ static
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))

struct Index {
    unsigned x, y, z;
};

static Index threadIdx, blockIdx, blockDim, gridDim;

static inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline unsigned __float_as_uint(float x) {
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

namespace emulation {

const size_t STACK = 1 << 15;

struct Fiber {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(STACK);
    Index index;
    bool done;
};

static ucontext_t scheduler;
static Fiber *running;
static void (*body)(void **);
static void **arguments;

static void enter() {
    body(arguments);
    running->done = true;
}

// Runs all threads of a block from barrier to barrier. A barrier that some threads miss is an error, as it is on a device.
static void block(std::vector<Fiber> &fibers) {
    for (auto &fiber : fibers) {
        getcontext(&fiber.context);
        fiber.context.uc_stack = {fiber.stack.data(), 0, STACK};
        fiber.context.uc_link = &scheduler;
        fiber.done = false;
        makecontext(&fiber.context, enter, 0);
    }
    for (bool all_done = false; !all_done;) {
        size_t waiting = 0, finished = 0;
        for (auto &fiber : fibers) {
            if (!fiber.done) {
                running = &fiber;
                threadIdx = fiber.index;
                swapcontext(&scheduler, &fiber.context);
            }
            waiting += !fiber.done;
            finished += fiber.done;
        }
        if (waiting && finished) abort();
        all_done = !waiting;
    }
}

static void grid(Index blocks, Index threads, void (*of_thread)(void **), void **values) {
    static std::vector<Fiber> fibers;
    fibers.resize(threads.x * threads.y);
    for (unsigned i = 0; i < fibers.size(); i++) fibers[i].index = {i % threads.x, i / threads.x, 0};
    gridDim = blocks, blockDim = threads, body = of_thread, arguments = values;
    for (blockIdx.z = 0; blockIdx.z < blocks.z; blockIdx.z++) {
        for (blockIdx.y = 0; blockIdx.y < blocks.y; blockIdx.y++) {
            for (blockIdx.x = 0; blockIdx.x < blocks.x; blockIdx.x++) block(fibers);
        }
    }
}

template <class... A, size_t... I>
static void call(void (*kernel)(A...), void **values, std::index_sequence<I...>) {
    kernel(*(A *)values[I]...);
}

template <class... A>
static void call(void (*kernel)(A...), void **values) {
    call(kernel, values, std::index_sequence_for<A...>());
}

} // namespace emulation

static inline void __syncthreads() {
    auto *fiber = emulation::running;
    swapcontext(&fiber->context, &emulation::scheduler);
}

// The entry that the emulated driver looks for.
#define EMULATED(name)                                                                                                           \
    extern "C" void emulated_##name(unsigned *size, void **values) {                                                             \
        emulation::grid({size[0], size[1], size[2]}, {size[3], size[4], 1}, [](void **v) { emulation::call(name, v); }, values);             \
    }
