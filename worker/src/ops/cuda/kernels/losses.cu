// Losses of cases and their gradients: see `losses/pixels.rs`. A pixel is computed in f32, sums are taken in f64.

const u32 BCE = 0, DICE = 1, FOCAL = 2;

// exp(-|x|) and what follows from it: finite for every finite x.
struct Logit {
    float x;
    float small;
};

__device__ inline Logit logit(float x) { return Logit{x, expf(-fabsf(x))}; }

// 1 / (1 + exp(-x))
__device__ inline float sigmoid(Logit l) { return (l.x < 0 ? l.small : 1.0f) / (1.0f + l.small); }

// 1 / (1 + exp(x))
__device__ inline float other(Logit l) { return (l.x < 0 ? 1.0f : l.small) / (1.0f + l.small); }

// log(1 + exp(x)); not `max`, which drops what is not a number
__device__ inline float softplus(Logit l) { return (l.x < 0 ? 0.0f : l.x) + log1pf(l.small); }

struct Pixel {
    float value;
    float slope;
};

__device__ inline Pixel bce(float x, float y) {
    Logit l = logit(x);
    float up = softplus(l);
    return Pixel{y * (up - l.x) + (1 - y) * up, (1 - y) * sigmoid(l) - y * other(l)};
}

__device__ inline Pixel focal(float x, float y, float gamma) {
    float sign = 2 * y - 1;
    Logit l = logit(sign * x);
    float confidence = softplus(l), loss = confidence - l.x;
    float modulation = expf(-gamma * confidence);
    return Pixel{modulation * loss, -sign * modulation * (gamma * sigmoid(l) * loss + other(l))};
}

// The sum over a block's threads, for all of them.
__device__ inline double sum_block(double value) {
    __shared__ double shared[THREADS];
    __syncthreads();
    shared[threadIdx.x] = value;
    for (u32 half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    __syncthreads();
    return shared[0];
}

// A block a case: logits and targets [cases, pixels] -> values [cases], and unless `gradients` is null, the gradients of their mean.
// `parameter` is Dice's smoothing or the focal loss's gamma.
extern "C" __global__ void losses(
    const float *logits, const float *targets, float *values, float *gradients, u32 kind, float parameter, u32 pixels) {
    u32 first = blockIdx.x * pixels;
    double cases = gridDim.x, sum = 0, both = 0;
    for (u32 pixel = threadIdx.x; pixel < pixels; pixel += THREADS) {
        float x = logits[first + pixel], y = targets[first + pixel];
        if (kind == DICE) {
            float probability = sigmoid(logit(x));
            sum += 2.0 * probability * y;
            both += (double)probability + y;
        } else {
            Pixel at = kind == FOCAL ? focal(x, y, parameter) : bce(x, y);
            sum += at.value;
            if (gradients) gradients[first + pixel] = (float)(at.slope / (pixels * cases));
        }
    }
    sum = sum_block(sum);
    both = sum_block(both);
    double overlap = sum + parameter, total = both + parameter;
    if (threadIdx.x == 0) values[blockIdx.x] = (float)(kind == DICE ? 1.0 - overlap / total : sum / pixels);
    if (kind != DICE || !gradients) return;
    for (u32 pixel = threadIdx.x; pixel < pixels; pixel += THREADS) {
        Logit l = logit(logits[first + pixel]);
        double slope = (overlap / total - 2.0 * targets[first + pixel]) / total * sigmoid(l) * other(l);
        gradients[first + pixel] = (float)(slope / cases);
    }
}
