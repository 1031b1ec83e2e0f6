// The kernels around cuDNN's convolutions.
//
// Compiled at run time (NVRTC), once for every pair of REAL (`float` or `bf16`: what maps are made of) and LANES (elements that a
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

// The pixels of a thread. Blocks [c, s] take the columns from c * blockDim.x and share s of the pixels.
struct Walk {
    u32 column;
    u32 pixel;
    u32 end;
};

__device__ inline u32 share(u32 pixels, u32 shares) { return (pixels + shares - 1) / shares; }

__device__ inline u32 share_end(u32 pixels, u32 shares, u32 index) {
    u32 end = (index + 1) * share(pixels, shares);
    return end < pixels ? end : pixels;
}

__device__ inline Walk walk(u32 pixels, u32 columns) {
    Walk walk;
    walk.column = thread_index();
    walk.pixel = blockIdx.y * share(pixels, gridDim.y) + threadIdx.y;
    walk.end = walk.column < columns ? share_end(pixels, gridDim.y, blockIdx.y) : 0;
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

// Leaves a block's sums in [shares, channels].
__device__ inline void leave(float *partial, const Walk &walk, u32 columns, const Floats &sums) {
    if (threadIdx.y == 0 && walk.column < columns) {
        u32 first = (blockIdx.y * columns + walk.column) * LANES;
        for (int lane = 0; lane < LANES; lane++) partial[first + lane] = sums.at[lane];
    }
}

// A gradient, zero where ReLU cut; `y` is null where there was no ReLU.
__device__ inline Floats masked(const REAL *grad, const REAL *y, u32 index) {
    Floats g = load(grad, index);
    if (y) {
        Floats value = load(y, index);
        for (int lane = 0; lane < LANES; lane++) g.at[lane] = value.at[lane] > 0 ? g.at[lane] : 0;
    }
    return g;
}

// Around a convolution

// Weights [outputs, inputs, taps] -> [all_outputs, taps, all_inputs], with zeros where there are none.
extern "C" __global__ void pack_weight(
    const float *weight, REAL *packed, u32 outputs, u32 inputs, u32 taps, u32 all_inputs, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 input = index % all_inputs, tap = index / all_inputs % taps, output = index / all_inputs / taps;
    bool there = output < outputs && input < inputs;
    narrow(there ? weight[(output * inputs + input) * taps + tap] : 0.0f, packed[index]);
}

// The inverse, without the zeros.
extern "C" __global__ void unpack_weight(
    const REAL *packed, float *weight, u32 inputs, u32 taps, u32 all_inputs, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 tap = index % taps, input = index / taps % inputs, output = index / taps / inputs;
    weight[index] = widen(packed[(output * taps + tap) * all_inputs + input]);
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

// [shares, channels] -> [channels], in f64; divided by sigma unless variance is null. Blocks of 32 channels by 32 threads each.
extern "C" __global__ void finish_sums(const float *partial, const float *variance, float *sums, u32 channels, u32 shares) {
    __shared__ double shared[32 * 32];
    u32 channel = thread_index(), mine = threadIdx.y * 32 + threadIdx.x;
    double sum = 0;
    for (u32 index = threadIdx.y; channel < channels && index < shares; index += 32) {
        sum += partial[index * channels + channel];
    }
    shared[mine] = sum;
    for (u32 half = 16; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) shared[mine] += shared[mine + half * 32];
    }
    if (threadIdx.y == 0 && channel < channels) {
        double sigma = variance ? sqrt((double)variance[channel] + EPSILON) : 1.0;
        sums[channel] = (float)(shared[mine] / sigma);
    }
}

// Batch norm

// Number, mean and sum of squared deviations; merged as Chan, Golub and LeVeque (1983) do.
template <class Number>
struct Sample {
    Number count, mean, squares;

    __device__ void merge(const Sample &other) {
        Number total = count + other.count;
        if (other.count == 0) return;
        Number delta = other.mean - mean, weight = other.count / total;
        mean += delta * weight;
        squares += other.squares + delta * delta * count * weight;
        count = total;
    }
};

// Means and sums of squared deviations of the shares, [shares, channels] each.
extern "C" __global__ void moments(const REAL *x, float *means, float *squares, u32 pixels, u32 columns) {
    __shared__ Sample<float> shared[THREADS];
    Walk w = walk(pixels, columns);
    Floats mean = {}, square = {};
    float count = 0;
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        Floats value = load(x, w.pixel * columns + w.column);
        count += 1;
        float weight = 1 / count;
        for (int lane = 0; lane < LANES; lane++) { // Welford (1962)
            float delta = value.at[lane] - mean.at[lane];
            mean.at[lane] += delta * weight;
            square.at[lane] += delta * (value.at[lane] - mean.at[lane]);
        }
    }
    u32 mine = threadIdx.y * blockDim.x + threadIdx.x;
    for (int lane = 0; lane < LANES; lane++) {
        Sample<float> sample = {count, mean.at[lane], square.at[lane]};
        for (u32 half = blockDim.y / 2; half > 0; half /= 2) {
            __syncthreads();
            shared[mine] = sample;
            __syncthreads();
            if (threadIdx.y < half) sample.merge(shared[mine + half * blockDim.x]);
        }
        mean.at[lane] = sample.mean;
        square.at[lane] = sample.squares;
    }
    leave(means, w, columns, mean);
    leave(squares, w, columns, square);
}

// Mean and biased variance of the channels, from those of the shares. Blocks of 32 channels by 32 threads each.
extern "C" __global__ void finish_moments(
    const float *means, const float *squares, float *mean, float *variance, u32 pixels, u32 channels, u32 shares) {
    __shared__ Sample<double> shared[32 * 32];
    u32 channel = thread_index(), mine = threadIdx.y * 32 + threadIdx.x;
    Sample<double> sample = {0, 0, 0};
    for (u32 index = threadIdx.y; channel < channels && index < shares; index += 32) {
        u32 begin = index * share(pixels, shares), end = share_end(pixels, shares, index);
        if (begin >= end) break;
        u32 at = index * channels + channel;
        Sample<double> other = {(double)(end - begin), means[at], squares[at]};
        sample.merge(other);
    }
    for (u32 half = 16; half > 0; half /= 2) {
        shared[mine] = sample;
        __syncthreads();
        if (threadIdx.y < half) sample.merge(shared[mine + half * 32]);
        __syncthreads();
    }
    if (threadIdx.y == 0 && channel < channels) {
        mean[channel] = (float)sample.mean;
        variance[channel] = (float)(sample.squares / pixels);
    }
}

// y = activation(gamma (x - mean) / sigma + beta)
extern "C" __global__ void normalize(
    const REAL *x, const float *mean, const float *variance, const float *gamma, const float *beta, REAL *y, u32 pixels,
    u32 columns, u32 relu) {
    Walk w = walk(pixels, columns);
    if (w.pixel >= w.end) return;
    Floats center = of_channels(mean, w.column), scale = of_channels(gamma, w.column);
    Floats spread = of_channels(variance, w.column), shift = of_channels(beta, w.column);
    for (int lane = 0; lane < LANES; lane++) scale.at[lane] /= sqrtf(spread.at[lane] + EPSILON);
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats value = load(x, index);
        for (int lane = 0; lane < LANES; lane++) {
            float normal = (value.at[lane] - center.at[lane]) * scale.at[lane] + shift.at[lane];
            value.at[lane] = relu ? rectify(normal) : normal;
        }
        store(y, index, value);
    }
}

// The sums of g and of g (x - mean), [shares, channels] each; g is the gradient before ReLU.
extern "C" __global__ void normalize_sums(
    const REAL *x, const REAL *y, const REAL *grad, const float *mean, float *sums, float *products, u32 pixels,
    u32 columns) {
    Walk w = walk(pixels, columns);
    Floats sum = {}, product = {}, center = {};
    if (w.column < columns) center = of_channels(mean, w.column);
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats g = masked(grad, y, index), value = load(x, index);
        for (int lane = 0; lane < LANES; lane++) {
            sum.at[lane] += g.at[lane];
            product.at[lane] += g.at[lane] * (value.at[lane] - center.at[lane]);
        }
    }
    sum_rows(sum);
    sum_rows(product);
    leave(sums, w, columns, sum);
    leave(products, w, columns, product);
}

// gamma / sigma (g - dbeta / pixels - h dgamma / pixels) with h the normalised input; without the last two terms where the
// moments are constants.
extern "C" __global__ void normalize_backward(
    const REAL *x, const REAL *y, const REAL *grad, const float *mean, const float *variance, const float *gamma,
    const float *dgamma, const float *dbeta, REAL *dx, u32 pixels, u32 columns, u32 of_input) {
    Walk w = walk(pixels, columns);
    if (w.pixel >= w.end) return;
    Floats center = of_channels(mean, w.column), scale = of_channels(gamma, w.column);
    Floats slope = of_channels(dgamma, w.column), constant = of_channels(dbeta, w.column);
    Floats spread = of_channels(variance, w.column);
    for (int lane = 0; lane < LANES; lane++) {
        float sigma = sqrtf(spread.at[lane] + EPSILON);
        scale.at[lane] /= sigma;
        float flow = of_input ? scale.at[lane] / pixels : 0;
        slope.at[lane] *= -flow / sigma;
        constant.at[lane] *= -flow;
    }
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats g = masked(grad, y, index), value = load(x, index);
        for (int lane = 0; lane < LANES; lane++) {
            float line = (value.at[lane] - center.at[lane]) * slope.at[lane] + constant.at[lane];
            g.at[lane] = g.at[lane] * scale.at[lane] + line;
        }
        store(dx, index, g);
    }
}

// Pooling and upsampling: a small map [rows, width, channels] and one of twice the height and width

// Where the four pixels of a window begin in the big map, in vectors; `index` counts the vectors of the small map.
struct Window {
    u32 at[4];
};

__device__ inline Window window(u32 index, u32 width, u32 columns) {
    u32 column = index % columns, pixel = index / columns;
    u32 first = (pixel / width * 4 * width + pixel % width * 2) * columns + column;
    u32 below = first + 2 * width * columns;
    Window window = {{first, first + columns, below, below + columns}};
    return window;
}

// The maximum of every window, and its position: the first of equals; not-a-number wins.
extern "C" __global__ void max_pool(const REAL *x, REAL *y, u8 *positions, u32 width, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Window from = window(index, width, columns);
    Floats best = load(x, from.at[0]);
    Positions best_at = {};
    for (int position = 1; position < 4; position++) {
        Floats value = load(x, from.at[position]);
        for (int lane = 0; lane < LANES; lane++) {
            if (value.at[lane] > best.at[lane] || value.at[lane] != value.at[lane]) {
                best.at[lane] = value.at[lane];
                best_at.at[lane] = position;
            }
        }
    }
    store(y, index, best);
    ((Positions *)positions)[index] = best_at;
}

// The element at the position of every window.
extern "C" __global__ void gather(const REAL *x, const u8 *positions, REAL *y, u32 width, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Window from = window(index, width, columns);
    Positions at = ((const Positions *)positions)[index];
    Vector taken = {};
    for (int position = 0; position < 4; position++) {
        Vector value = ((const Vector *)x)[from.at[position]];
        for (int lane = 0; lane < LANES; lane++) {
            if (at.at[lane] == position) taken.at[lane] = value.at[lane];
        }
    }
    ((Vector *)y)[index] = taken;
}

// Every element at its position, zeros elsewhere.
extern "C" __global__ void scatter(const REAL *x, const u8 *positions, REAL *y, u32 width, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Window to = window(index, width, columns);
    Positions at = ((const Positions *)positions)[index];
    Vector value = ((const Vector *)x)[index];
    for (int position = 0; position < 4; position++) {
        Vector put = {};
        for (int lane = 0; lane < LANES; lane++) {
            if (at.at[lane] == position) put.at[lane] = value.at[lane];
        }
        ((Vector *)y)[to.at[position]] = put;
    }
}

// Every pixel four times.
extern "C" __global__ void upsample(const REAL *x, REAL *y, u32 width, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Window to = window(index, width, columns);
    Vector value = ((const Vector *)x)[index];
    for (int position = 0; position < 4; position++) ((Vector *)y)[to.at[position]] = value;
}

extern "C" __global__ void upsample_backward(const REAL *grad, REAL *dx, u32 width, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Window from = window(index, width, columns);
    Floats a = load(grad, from.at[0]), b = load(grad, from.at[1]);
    Floats c = load(grad, from.at[2]), d = load(grad, from.at[3]);
    for (int lane = 0; lane < LANES; lane++) {
        a.at[lane] = (a.at[lane] + b.at[lane]) + (c.at[lane] + d.at[lane]);
    }
    store(dx, index, a);
}

// Whole maps

// The columns of a, then those of b.
extern "C" __global__ void concatenate(const REAL *a, const REAL *b, REAL *y, u32 columns_a, u32 columns_b, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 columns = columns_a + columns_b, column = index % columns, pixel = index / columns;
    bool first = column < columns_a;
    u32 from = first ? pixel * columns_a + column : pixel * columns_b + column - columns_a;
    ((Vector *)y)[index] = ((const Vector *)(first ? a : b))[from];
}

extern "C" __global__ void split(const REAL *y, REAL *a, REAL *b, u32 columns_a, u32 columns_b, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 columns = columns_a + columns_b, column = index % columns, pixel = index / columns;
    bool first = column < columns_a;
    u32 to = first ? pixel * columns_a + column : pixel * columns_b + column - columns_a;
    ((Vector *)(first ? a : b))[to] = ((const Vector *)y)[index];
}

extern "C" __global__ void add(const REAL *a, const REAL *b, REAL *sum, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Floats x = load(a, index), y = load(b, index);
    for (int lane = 0; lane < LANES; lane++) x.at[lane] += y.at[lane];
    store(sum, index, x);
}

// REAL -> f32
extern "C" __global__ void widen_map(const REAL *x, float *y, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Floats value = load(x, index);
    for (int lane = 0; lane < LANES; lane++) y[index * LANES + lane] = value.at[lane];
}

// f32 -> REAL
extern "C" __global__ void narrow_map(const float *x, REAL *y, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    store(y, index, of_channels(x, index));
}

// Data and weights

// Cases [indices[i]] of images [cases, 3, pixels] and masks [cases, pixels] -> [batch, pixels, 3], 0 to 1, and [batch, pixels].
extern "C" __global__ void gather_batch(
    const u8 *images, const u8 *masks, const u32 *indices, REAL *x, float *targets, u32 pixels, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 pixel = index % pixels;
    size_t at = indices[index / pixels];
    for (u32 channel = 0; channel < 3; channel++) {
        narrow(images[(at * 3 + channel) * pixels + pixel] / 255.0f, x[index * 3 + channel]);
    }
    targets[index] = masks[at * pixels + pixel];
}

// Adam and AdamW: see `optimizers/adam.rs`.
extern "C" __global__ void adam(
    float *parameters, const float *gradients, float *first, float *second, float decay, float rate1, float beta2, float rate2,
    float keep, float size, float root, float epsilon, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    float parameter = parameters[index], gradient = gradients[index] + decay * parameter;
    float mean = first[index] + (gradient - first[index]) * rate1;
    float square = second[index] * beta2 + gradient * gradient * rate2;
    first[index] = mean;
    second[index] = square;
    parameters[index] = parameter * keep - mean / (sqrtf(square) / root + epsilon) * size;
}

// Stochastic gradient descent: see `optimizers/sgd.rs`.
extern "C" __global__ void sgd(
    float *parameters, const float *gradients, float *velocity, float decay, float momentum, float learning_rate, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    float parameter = parameters[index];
    float speed = velocity[index] * momentum + (gradients[index] + decay * parameter);
    velocity[index] = speed;
    parameters[index] = parameter - speed * learning_rate;
}
