// What the kernels around cuDNN's convolutions share. The files of this folder are one program, this one first.
//
// It is compiled at run time (NVRTC), once for every pair of REAL (`float` or `bf16`: what maps are made of) and LANES (elements that a
// thread moves at once: 16 bytes of them, or 1 where the number of channels does not allow it).
//
// A map is [pixels, channels], channels last; its rows of channels are `columns` vectors of LANES. Kernels that need something of a
// channel give every thread a column and let it walk over pixels; the others give every thread a vector. Sums are taken by thread,
// then by block as a tree, then over the blocks: an order that depends on the shape alone. No atomics.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

struct bf16 {
    u16 bits;
};

struct __align__(LANES * sizeof(REAL)) Vector {
    REAL at[LANES];
};

struct __align__(LANES) Positions {
    u8 at[LANES];
};

const u32 THREADS = 256;
const float EPSILON = 1e-5f;
const float LEAK = 0.01f;

// Numbers

__device__ inline float widen(float x) { return x; }

__device__ inline float widen(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

__device__ inline void narrow(float x, float &to) { to = x; }

// To the nearest, ties to even; not-a-number stays.
__device__ inline void narrow(float x, bf16 &to) {
    u32 bits = __float_as_uint(x);
    to.bits = x != x ? 0x7fff : (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// max(x, 0), where not-a-number stays.
__device__ inline float rectify(float x) { return x < 0 ? 0 : x; }

// x where it is positive, a hundredth of it elsewhere.
__device__ inline float leak(float x) { return x < 0 ? LEAK * x : x; }

struct Floats {
    float at[LANES];
};

__device__ inline Floats load(const REAL *from, u32 index) {
    Vector vector = ((const Vector *)from)[index];
    Floats floats;
    for (int lane = 0; lane < LANES; lane++) floats.at[lane] = widen(vector.at[lane]);
    return floats;
}

__device__ inline void store(REAL *to, u32 index, const Floats &floats) {
    Vector vector;
    for (int lane = 0; lane < LANES; lane++) narrow(floats.at[lane], vector.at[lane]);
    ((Vector *)to)[index] = vector;
}

// The numbers of a column's channels.
__device__ inline Floats of_channels(const float *from, u32 column) {
    Floats floats;
    for (int lane = 0; lane < LANES; lane++) floats.at[lane] = from[column * LANES + lane];
    return floats;
}

__device__ inline u32 thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }

// The pixels of a thread. Blocks [c, s, n] take the columns from c * blockDim.x and share s of the pixels of sample n.
struct Walk {
    u32 column;
    u32 pixel;
    u32 end;
};

__device__ inline u32 least(u32 a, u32 b) { return a < b ? a : b; }

__device__ inline u32 share(u32 pixels, u32 shares) { return (pixels + shares - 1) / shares; }

__device__ inline u32 share_end(u32 pixels, u32 shares, u32 index) {
    return least((index + 1) * share(pixels, shares), pixels);
}

// `pixels` are those of a sample.
__device__ inline Walk walk(u32 pixels, u32 columns) {
    Walk walk;
    u32 first = blockIdx.z * pixels;
    walk.column = thread_index();
    walk.pixel = first + blockIdx.y * share(pixels, gridDim.y) + threadIdx.y;
    walk.end = walk.column < columns ? first + share_end(pixels, gridDim.y, blockIdx.y) : 0;
    return walk;
}

// Sums over the threads of a column, for the threads with threadIdx.y = 0.
__device__ inline void sum_rows(Floats &sums) {
    __shared__ float shared[THREADS * LANES];
    u32 mine = (threadIdx.y * blockDim.x + threadIdx.x) * LANES;
    for (u32 half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        for (int lane = 0; lane < LANES; lane++) shared[mine + lane] = sums.at[lane];
        __syncthreads();
        u32 other = mine + half * blockDim.x * LANES;
        if (threadIdx.y < half) {
            for (int lane = 0; lane < LANES; lane++) sums.at[lane] += shared[other + lane];
        }
    }
}

// Leaves a block's sums in [samples, shares, channels].
__device__ inline void leave(float *partial, const Walk &walk, u32 columns, const Floats &sums) {
    if (threadIdx.y == 0 && walk.column < columns) {
        u32 first = ((blockIdx.z * gridDim.y + blockIdx.y) * columns + walk.column) * LANES;
        for (int lane = 0; lane < LANES; lane++) partial[first + lane] = sums.at[lane];
    }
}

// A gradient, zero where ReLU cut, or multiplied by LEAK if it was leaky; `y` is null where there was no ReLU.
__device__ inline Floats masked(const REAL *grad, const REAL *y, u32 index, bool leaky = false) {
    Floats g = load(grad, index);
    if (y) {
        Floats value = load(y, index);
        for (int lane = 0; lane < LANES; lane++) {
            float cut = leaky ? LEAK * g.at[lane] : 0;
            g.at[lane] = value.at[lane] > 0 ? g.at[lane] : cut;
        }
    }
    return g;
}

// [samples, shares, channels] -> [samples, channels], in f64; divided by sigma unless variance is null. Blocks of 32 channels by 32
// threads each, for every sample.
extern "C" __global__ void __launch_bounds__(1024) finish_sums(const float *partial, const float *variance, float *sums, u32 channels, u32 shares) {
    __shared__ double shared[32 * 32];
    u32 channel = thread_index(), mine = threadIdx.y * 32 + threadIdx.x;
    u32 result = blockIdx.z * channels + channel;
    double sum = 0;
    for (u32 index = threadIdx.y; channel < channels && index < shares; index += 32) {
        sum += partial[(blockIdx.z * shares + index) * channels + channel];
    }
    shared[mine] = sum;
    for (u32 half = 16; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) shared[mine] += shared[mine + half * 32];
    }
    if (threadIdx.y == 0 && channel < channels) {
        double sigma = variance ? sqrt((double)variance[result] + EPSILON) : 1.0;
        sums[result] = (float)(shared[mine] / sigma);
    }
}
