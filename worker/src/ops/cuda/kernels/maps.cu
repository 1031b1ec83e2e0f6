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

// max(a + b, 0)
extern "C" __global__ void add_rectified(const REAL *a, const REAL *b, REAL *sum, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Floats x = load(a, index), y = load(b, index);
    for (int lane = 0; lane < LANES; lane++) x.at[lane] = rectify(x.at[lane] + y.at[lane]);
    store(sum, index, x);
}

// The gradient before ReLU, whose result is y.
extern "C" __global__ void mask(const REAL *grad, const REAL *y, REAL *to, u32 count) {
    u32 index = thread_index();
    if (index < count) store(to, index, masked(grad, y, index));
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

// Lines of other lengths: x [n, from, columns], multiplied by a matrix [to, from] of which most is zero, is y [n, to, columns]; `columns`
// counts vectors.
extern "C" __global__ void resample(
    const REAL *x, const float *matrix, REAL *y, u32 from, u32 to, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    u32 column = index % columns, row = index / columns % to, first = index / columns / to * from;
    Floats sum = {};
    for (u32 at = 0; at < from; at++) {
        float weight = matrix[row * from + at];
        if (weight == 0.0f) continue;
        Floats value = load(x, (first + at) * columns + column);
        for (int lane = 0; lane < LANES; lane++) sum.at[lane] += weight * value.at[lane];
    }
    store(y, index, sum);
}

// Maps as several smaller ones that interleave: a map [n, height, width, columns] and its parts [n, rate, rate, rows, across, columns], the
// pixels of every `rate`th row and column, for each of the first ones.

struct Sizes {
    u32 height, width, rate, columns;

    __device__ u32 rows() const { return (height + rate - 1) / rate; }
    __device__ u32 across() const { return (width + rate - 1) / rate; }
};

// What is missing in a part is zero.
extern "C" __global__ void apart(const REAL *x, REAL *y, u32 height, u32 width, u32 rate, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Sizes sizes = {height, width, rate, columns};
    u32 column = index % columns, rest = index / columns;
    u32 left = rest % sizes.across() * rate;
    rest /= sizes.across();
    u32 top = rest % sizes.rows() * rate;
    rest /= sizes.rows();
    left += rest % rate;
    top += rest / rate % rate;
    u32 n = rest / rate / rate;
    Vector value = {};
    if (top < height && left < width) value = ((const Vector *)x)[((n * height + top) * width + left) * columns + column];
    ((Vector *)y)[index] = value;
}

extern "C" __global__ void together(const REAL *x, REAL *y, u32 height, u32 width, u32 rate, u32 columns, u32 count) {
    u32 index = thread_index();
    if (index >= count) return;
    Sizes sizes = {height, width, rate, columns};
    u32 column = index % columns, pixel = index / columns;
    u32 left = pixel % width, top = pixel / width % height, n = pixel / width / height;
    u32 part = (n * rate + top % rate) * rate + left % rate;
    u32 at = (part * sizes.rows() + top / rate) * sizes.across() + left / rate;
    ((Vector *)y)[index] = ((const Vector *)x)[at * columns + column];
}
