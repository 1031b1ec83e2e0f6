// Around a convolution

// Weights: PyTorch's layout [outputs, inputs, taps] and cuDNN's, [all_outputs, taps, all_inputs], filled up with zeros. A block takes
// PACKED inputs of one output through shared memory, so that it reads and writes in the order of memory.

const u32 PACKED = 64, TAPS = 9;

extern "C" __global__ void pack_weight(const float *weight, REAL *packed, u32 outputs, u32 inputs, u32 taps, u32 all_inputs) {
    __shared__ float tile[PACKED * TAPS];
    u32 output = blockIdx.y, first = blockIdx.x * PACKED;
    u32 count = output < outputs && first < inputs ? least(PACKED, inputs - first) : 0;
    u32 from = (output * inputs + first) * taps;
    for (u32 index = threadIdx.x; index < count * taps; index += THREADS) tile[index] = weight[from + index];
    __syncthreads();
    u32 all = least(PACKED, all_inputs - first);
    for (u32 index = threadIdx.x; index < all * taps; index += THREADS) {
        u32 tap = index / all, input = index % all;
        narrow(input < count ? tile[input * taps + tap] : 0.0f, packed[(output * taps + tap) * all_inputs + first + input]);
    }
}

extern "C" __global__ void unpack_weight(const REAL *packed, float *weight, u32 inputs, u32 taps, u32 all_inputs) {
    __shared__ float tile[PACKED * TAPS];
    u32 output = blockIdx.y, first = blockIdx.x * PACKED;
    u32 count = least(PACKED, inputs - first);
    for (u32 index = threadIdx.x; index < count * taps; index += THREADS) {
        u32 tap = index / count, input = index % count;
        tile[input * taps + tap] = widen(packed[(output * taps + tap) * all_inputs + first + input]);
    }
    __syncthreads();
    u32 to = (output * inputs + first) * taps;
    for (u32 index = threadIdx.x; index < count * taps; index += THREADS) weight[to + index] = tile[index];
}

// [pixels, from] -> [pixels, to]: fewer channels, or more, which are zero.
extern "C" __global__ void resize_channels(const REAL *x, REAL *y, u32 from, u32 to, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 channel = index % to;
    if (channel < from) {
        y[index] = x[index / to * from + channel];
    } else {
        narrow(0, y[index]);
    }
}

// y = activation(y + bias)
extern "C" __global__ void add_bias(REAL *y, const float *bias, u32 pixels, u32 columns, u32 relu) {
    Walk w = walk(pixels, columns);
    if (w.pixel >= w.end) return;
    Floats b = of_channels(bias, w.column);
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats value = load(y, index);
        for (int lane = 0; lane < LANES; lane++) {
            float sum = value.at[lane] + b.at[lane];
            value.at[lane] = relu ? rectify(sum) : sum;
        }
        store(y, index, value);
    }
}

// The gradient before ReLU (unless y is null) and its sums, [shares, channels].
extern "C" __global__ void mask_and_sum(
    const REAL *grad, const REAL *y, REAL *before, float *partial, u32 pixels, u32 columns) {
    Walk w = walk(pixels, columns);
    Floats sums = {};
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats g = masked(grad, y, index);
        for (int lane = 0; lane < LANES; lane++) sums.at[lane] += g.at[lane];
        if (y) store(before, index, g);
    }
    sum_rows(sums);
    leave(partial, w, columns, sums);
}
