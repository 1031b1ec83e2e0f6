// Batch and group norm. A sample has moments of its own, [samples, channels]: the batch for batch norm, an image for group norm.

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

// Means and sums of squared deviations of the shares, [samples, shares, channels] each.
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

// Mean and biased variance of the channels of a sample, from those of the shares. Blocks of 32 channels by 32 threads each.
extern "C" __global__ void __launch_bounds__(1024) finish_moments(
    const float *means, const float *squares, float *mean, float *variance, u32 pixels, u32 channels, u32 shares) {
    __shared__ Sample<double> shared[32 * 32];
    u32 channel = thread_index(), mine = threadIdx.y * 32 + threadIdx.x;
    Sample<double> sample = {0, 0, 0};
    for (u32 index = threadIdx.y; channel < channels && index < shares; index += 32) {
        u32 begin = index * share(pixels, shares), end = share_end(pixels, shares, index);
        if (begin >= end) break;
        u32 at = (blockIdx.z * shares + index) * channels + channel;
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
        mean[blockIdx.z * channels + channel] = (float)sample.mean;
        variance[blockIdx.z * channels + channel] = (float)(sample.squares / pixels);
    }
}

// Mean and variance of `count` groups of `size` neighbouring channels, for each of their channels, in the place of those of the channels.
extern "C" __global__ void group_moments(float *mean, float *variance, u32 size, u32 count) {
    u32 group = thread_index();
    if (group >= count) return;
    u32 first = group * size, end = first + size;
    double center = 0, spread = 0;
    for (u32 channel = first; channel < end; channel++) center += mean[channel];
    center /= size;
    for (u32 channel = first; channel < end; channel++) {
        double delta = mean[channel] - center;
        spread += variance[channel] + delta * delta;
    }
    for (u32 channel = first; channel < end; channel++) {
        mean[channel] = (float)center;
        variance[channel] = (float)(spread / size);
    }
}

// y = activation(gamma (x - mean) / sigma + beta); the activation is 0 for none, 1 for ReLU, 2 for a leaky one
extern "C" __global__ void normalize(
    const REAL *x, const float *mean, const float *variance, const float *gamma, const float *beta, REAL *y, u32 pixels,
    u32 columns, u32 activation) {
    Walk w = walk(pixels, columns);
    if (w.pixel >= w.end) return;
    u32 of_sample = blockIdx.z * columns + w.column;
    Floats center = of_channels(mean, of_sample), scale = of_channels(gamma, w.column);
    Floats spread = of_channels(variance, of_sample), shift = of_channels(beta, w.column);
    for (int lane = 0; lane < LANES; lane++) scale.at[lane] /= sqrtf(spread.at[lane] + EPSILON);
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats value = load(x, index);
        for (int lane = 0; lane < LANES; lane++) {
            float normal = (value.at[lane] - center.at[lane]) * scale.at[lane] + shift.at[lane];
            value.at[lane] = activation == 0 ? normal : activation == 1 ? rectify(normal) : leak(normal);
        }
        store(y, index, value);
    }
}

// The sums of g and of g (x - mean), [samples, shares, channels] each; g is the gradient before ReLU.
extern "C" __global__ void normalize_sums(
    const REAL *x, const REAL *y, const REAL *grad, const float *mean, float *sums, float *products, u32 pixels,
    u32 columns, u32 leaky) {
    Walk w = walk(pixels, columns);
    Floats sum = {}, product = {}, center = {};
    if (w.column < columns) center = of_channels(mean, blockIdx.z * columns + w.column);
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats g = masked(grad, y, index, leaky), value = load(x, index);
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

// (gamma g - mean(gamma g) - h mean(gamma g h)) / sigma with h the normalised input, and the means over `size` channels of a sample;
// without the means where the moments are constants, of which `size` 0 tells. The sums of g h and of g are [samples, channels].
extern "C" __global__ void normalize_backward(
    const REAL *x, const REAL *y, const REAL *grad, const float *mean, const float *variance, const float *gamma,
    const float *products, const float *sums, REAL *dx, u32 pixels, u32 columns, u32 leaky, u32 size) {
    Walk w = walk(pixels, columns);
    if (w.pixel >= w.end) return;
    u32 of_sample = blockIdx.z * columns + w.column;
    Floats center = of_channels(mean, of_sample), scale = of_channels(gamma, w.column);
    Floats spread = of_channels(variance, of_sample), slope = {}, constant = {};
    for (int lane = 0; lane < LANES; lane++) {
        float sigma = sqrtf(spread.at[lane] + EPSILON);
        scale.at[lane] /= sigma;
        u32 channel = w.column * LANES + lane, first = size ? channel / size * size : 0;
        for (u32 other = first; other < first + size; other++) {
            float flow = gamma[other] / sigma / (pixels * size);
            u32 at = blockIdx.z * columns * LANES + other;
            slope.at[lane] += products[at] * (-flow / sigma);
            constant.at[lane] += sums[at] * -flow;
        }
    }
    for (; w.pixel < w.end; w.pixel += blockDim.y) {
        u32 index = w.pixel * columns + w.column;
        Floats g = masked(grad, y, index, leaky), value = load(x, index);
        for (int lane = 0; lane < LANES; lane++) {
            float line = (value.at[lane] - center.at[lane]) * slope.at[lane] + constant.at[lane];
            g.at[lane] = g.at[lane] * scale.at[lane] + line;
        }
        store(dx, index, g);
    }
}
