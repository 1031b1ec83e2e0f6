// Losses and counts of cases: see `losses` and `metrics.rs`. A pixel is computed in f32, sums are taken in f64.
//
// Block [s, case] takes share s of a case's pixels. Logits and targets are [cases, pixels].

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
template <class Number>
__device__ inline Number sum_block(Number value) {
    __shared__ Number shared[THREADS];
    __syncthreads();
    shared[threadIdx.x] = value;
    for (u32 half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    __syncthreads();
    return shared[0];
}

// The pixels of a thread: from `index` to `end` in steps of THREADS, in all cases together.
struct Share {
    u32 index;
    u32 end;
};

__device__ inline Share share_of_case(u32 pixels) {
    u32 first = blockIdx.y * pixels;
    return Share{first + blockIdx.x * share(pixels, gridDim.x) + threadIdx.x, first + share_end(pixels, gridDim.x, blockIdx.x)};
}

// Two sums of a share, [cases, shares]: of the losses; for Dice twice the overlap, and the sizes together. Unless `gradients` is null,
// also the gradients of the cases' mean, but Dice's, which need the sums.
extern "C" __global__ void loss_sums(
    const float *logits, const float *targets, double *sums, float *gradients, u32 kind, float parameter, u32 pixels) {
    double cases = gridDim.y, sum = 0, both = 0;
    for (Share s = share_of_case(pixels); s.index < s.end; s.index += THREADS) {
        float x = logits[s.index], y = targets[s.index];
        if (kind == DICE) {
            float probability = sigmoid(logit(x));
            sum += 2.0 * probability * y;
            both += (double)probability + y;
        } else {
            Pixel at = kind == FOCAL ? focal(x, y, parameter) : bce(x, y);
            sum += at.value;
            if (gradients) gradients[s.index] = (float)(at.slope / (pixels * cases));
        }
    }
    sum = sum_block(sum);
    both = sum_block(both);
    if (threadIdx.x == 0) {
        u32 at = blockIdx.y * gridDim.x + blockIdx.x;
        sums[2 * at] = sum;
        sums[2 * at + 1] = both;
    }
}

// The sums of `shares` shares -> the losses [cases], and unless `gradients` is null, Dice's gradients. `parameter` is Dice's smoothing.
extern "C" __global__ void finish_losses(
    const float *logits, const float *targets, const double *sums, float *losses, float *gradients, u32 kind, float parameter,
    u32 pixels, u32 shares) {
    double sum = 0, both = 0;
    for (u32 at = blockIdx.y * shares; at < (blockIdx.y + 1) * shares; at++) {
        sum += sums[2 * at];
        both += sums[2 * at + 1];
    }
    double overlap = sum + parameter, total = both + parameter;
    if (threadIdx.x == 0 && blockIdx.x == 0) {
        losses[blockIdx.y] = (float)(kind == DICE ? 1.0 - overlap / total : sum / pixels);
    }
    if (kind != DICE || !gradients) return;
    for (Share s = share_of_case(pixels); s.index < s.end; s.index += THREADS) {
        Logit l = logit(logits[s.index]);
        double slope = (overlap / total - 2.0 * targets[s.index]) / total * sigmoid(l) * other(l);
        gradients[s.index] = (float)(slope / gridDim.y);
    }
}

// True positives, false positives, false negatives and true negatives of the shares, [cases, shares, 4]. A logit of at least 0
// predicts foreground; one that is not a number does not.
extern "C" __global__ void count_pixels(const float *logits, const float *targets, u32 *counts, u32 pixels) {
    u32 found[4] = {};
    for (Share s = share_of_case(pixels); s.index < s.end; s.index += THREADS) {
        bool predicted = logits[s.index] >= 0, truth = targets[s.index] != 0;
        found[0] += predicted && truth;
        found[1] += predicted && !truth;
        found[2] += !predicted && truth;
        found[3] += !predicted && !truth;
    }
    for (u32 kind = 0; kind < 4; kind++) {
        u32 sum = sum_block(found[kind]);
        if (threadIdx.x == 0) counts[(blockIdx.y * gridDim.x + blockIdx.x) * 4 + kind] = sum;
    }
}
