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

// Of every block of factor x factor pixels of x [n, h, w] the one below and to the right of its middle: y [n, h / factor, w / factor].
extern "C" __global__ void reduce_targets(const float *x, float *y, u32 rows, u32 columns, u32 factor, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 column = index % columns, row = index / columns % rows, n = index / columns / rows;
    size_t line = (size_t)(n * rows + row) * factor + factor / 2;
    y[index] = x[line * columns * factor + column * factor + factor / 2];
}

// Many tensors in one launch, `Tensors` of `engine.rs`: a thread takes an element of all of them together.

const u32 MAX_TENSORS = 96;

struct Tensors {
    float *at[4][MAX_TENSORS];
    u32 ends[MAX_TENSORS];
    float factors[MAX_TENSORS];
    u32 count;
};

struct Element {
    u32 tensor;
    u32 index;
    bool there;
};

__device__ inline Element element(const Tensors &tensors) {
    u32 index = thread_index(), first = 0, last = tensors.count - 1;
    if (index >= tensors.ends[last]) return Element{0, 0, false};
    while (first < last) { // the first tensor that ends beyond the index
        u32 middle = (first + last) / 2;
        if (index < tensors.ends[middle]) {
            last = middle;
        } else {
            first = middle + 1;
        }
    }
    return Element{first, first ? index - tensors.ends[first - 1] : index, true};
}

// Adam and AdamW: see `optimizers/adam.rs`. Operands: parameters, gradients, first and second moments.
extern "C" __global__ void adam(
    const __grid_constant__ Tensors tensors, float decay, float rate1, float beta2, float rate2, float keep, float size, float root, float epsilon) {
    Element e = element(tensors);
    if (!e.there) return;
    float *parameters = tensors.at[0][e.tensor] + e.index, *first = tensors.at[2][e.tensor] + e.index;
    float *second = tensors.at[3][e.tensor] + e.index;
    float parameter = *parameters, gradient = tensors.at[1][e.tensor][e.index] + decay * parameter;
    float mean = *first + (gradient - *first) * rate1;
    float square = *second * beta2 + gradient * gradient * rate2;
    *first = mean;
    *second = square;
    *parameters = parameter * keep - mean / (sqrtf(square) / root + epsilon) * size;
}

// Stochastic gradient descent: see `optimizers/sgd.rs`. Operands: parameters, gradients, velocities. Parameters move by
// `of_velocity` of the velocity and `of_gradient` of the gradient.
extern "C" __global__ void sgd(
    const __grid_constant__ Tensors tensors, float decay, float momentum, float of_velocity, float of_gradient, float learning_rate) {
    Element e = element(tensors);
    if (!e.there) return;
    float *parameters = tensors.at[0][e.tensor] + e.index, *velocity = tensors.at[2][e.tensor] + e.index;
    float parameter = *parameters;
    float gradient = tensors.at[1][e.tensor][e.index] + decay * parameter;
    float speed = *velocity * momentum + gradient;
    *velocity = speed;
    *parameters = parameter - (speed * of_velocity + gradient * of_gradient) * learning_rate;
}

// running = keep running + share latest. Operands: running, latest; the factor is the share.
extern "C" __global__ void blend(const __grid_constant__ Tensors tensors, float keep) {
    Element e = element(tensors);
    if (!e.there) return;
    float *running = tensors.at[0][e.tensor] + e.index;
    *running = *running * keep + tensors.at[1][e.tensor][e.index] * tensors.factors[e.tensor];
}

// Sets `found` where a tensor has an infinity or not-a-number; all threads that write it write the same.
extern "C" __global__ void find_not_finite(const __grid_constant__ Tensors tensors, u32 *found) {
    Element e = element(tensors);
    const u32 EXPONENT = 0x7f800000;
    if (e.there && (__float_as_uint(tensors.at[0][e.tensor][e.index]) & EXPONENT) == EXPONENT) *found = 1;
}
