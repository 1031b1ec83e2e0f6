// Losses and counts of cases: see `losses` and `metrics.rs`. A pixel is computed in f32, sums are taken in f64.
//
// Block [s, case] takes share s of a case's pixels. Logits and targets are [cases, pixels].

const u32 BCE = 0, DICE = 1, FOCAL = 2, TVERSKY = 3;

// The parameters of a loss, as `ops/losses.rs` names them: BCE has a = weight, b = smoothing; DICE a = smooth; FOCAL a = gamma, b = alpha;
// TVERSKY a = alpha, b = beta, c = smooth, d = gamma.
struct Parameters {
    float a, b, c, d;
};

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

__device__ inline Pixel bce(float x, float y, float weight, float smoothing) {
    y = y * (1 - smoothing) + (1 - y) * smoothing;
    Logit l = logit(x);
    float up = softplus(l);
    return Pixel{weight * y * (up - l.x) + (1 - y) * up, (1 - y) * sigmoid(l) - weight * y * other(l)};
}

__device__ inline Pixel focal(float x, float y, float gamma, float alpha) {
    float sign = 2 * y - 1;
    Logit l = logit(sign * x);
    float confidence = softplus(l), loss = confidence - l.x;
    float modulation = expf(-gamma * confidence);
    if (alpha != 0) modulation *= y * alpha + (1 - y) * (1 - alpha);
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

// Three sums of a share, [cases, shares, 3]. DICE and TVERSKY: of p y, of p and of y; the others: of the losses, and nothing. Unless
// `gradients` is null, also the gradients of the cases' mean, but those of DICE and TVERSKY, which need the sums.
extern "C" __global__ void loss_sums(
    const float *logits, const float *targets, double *sums, float *gradients, u32 kind, float weight, float a, float b, float c, float d,
    u32 pixels) {
    double cases = gridDim.y, sum = 0, predicted = 0, truth = 0;
    bool of_counts = kind == DICE || kind == TVERSKY;
    for (Share s = share_of_case(pixels); s.index < s.end; s.index += THREADS) {
        float x = logits[s.index], y = targets[s.index];
        if (of_counts) {
            float probability = sigmoid(logit(x));
            sum += (double)probability * y;
            predicted += probability;
            truth += y;
        } else {
            Pixel at = kind == FOCAL ? focal(x, y, a, b) : bce(x, y, a, b);
            sum += at.value;
            if (gradients) gradients[s.index] = (float)(weight * at.slope / (pixels * cases));
        }
    }
    sum = sum_block(sum);
    predicted = sum_block(predicted);
    truth = sum_block(truth);
    if (threadIdx.x == 0) {
        u32 at = blockIdx.y * gridDim.x + blockIdx.x;
        sums[3 * at] = sum;
        sums[3 * at + 1] = predicted;
        sums[3 * at + 2] = truth;
    }
}

// The value of a loss of counts, and its slopes along the probability of a background and of a foreground pixel.
struct Counted {
    double value;
    double background;
    double foreground;
};

__device__ inline Counted of_counts(u32 kind, Parameters with, double hits, double predicted, double truth) {
    if (kind == DICE) {
        double overlap = 2.0 * hits + with.a, total = predicted + truth + with.a;
        return Counted{1.0 - overlap / total, overlap / total / total, (overlap / total - 2.0) / total};
    }
    double above = hits + with.c;
    double below = above + with.a * (predicted - hits) + with.b * (truth - hits);
    double loss = 1.0 - above / below, power = 1.0, value = loss;
    if (with.d != 1.0f) {
        // below the least loss the power of a power below 1 has no slope
        bool least = loss < 1e-12;
        value = pow(least ? fmax(loss, 0.0) : loss, (double)with.d);
        power = least ? 0.0 : with.d * pow(loss, with.d - 1.0);
    }
    double square = below * below;
    return Counted{value, power * above * with.a / square, power * (above * (1.0 - with.b) - below) / square};
}

// The sums of `shares` shares -> the losses [cases] times `weight`, and unless `gradients` is null, the gradients of DICE and TVERSKY.
extern "C" __global__ void finish_losses(
    const float *logits, const float *targets, const double *sums, float *losses, float *gradients, u32 kind, float weight, float a, float b,
    float c, float d, u32 pixels, u32 shares) {
    double sum = 0, predicted = 0, truth = 0;
    for (u32 at = blockIdx.y * shares; at < (blockIdx.y + 1) * shares; at++) {
        sum += sums[3 * at];
        predicted += sums[3 * at + 1];
        truth += sums[3 * at + 2];
    }
    bool counts = kind == DICE || kind == TVERSKY;
    Counted counted = {sum / pixels, 0, 0};
    if (counts) counted = of_counts(kind, Parameters{a, b, c, d}, sum, predicted, truth);
    if (threadIdx.x == 0 && blockIdx.x == 0) losses[blockIdx.y] = (float)(weight * counted.value);
    if (!counts || !gradients) return;
    for (Share s = share_of_case(pixels); s.index < s.end; s.index += THREADS) {
        Logit l = logit(logits[s.index]);
        double y = targets[s.index];
        double slope = y * counted.foreground + (1.0 - y) * counted.background;
        gradients[s.index] = (float)(weight * slope * sigmoid(l) * other(l) / gridDim.y);
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
