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

// running = keep running + share latest
extern "C" __global__ void blend(float *running, const float *latest, float keep, float share, u32 count) {
    u32 index = thread_index();
    if (index < count) running[index] = running[index] * keep + latest[index] * share;
}
