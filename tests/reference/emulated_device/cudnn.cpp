// cuDNN's convolutions as sums, on the CPU, with the checks that its documentation states. Written after the documentation of
// `cudnn_ops` and `cudnn_cnn`: https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/
//
// It refuses what cuDNN may refuse, if it is told to:
//
//   EMULATED_CUDNN=unfused                  `cudnnConvolutionBiasActivationForward`
//   EMULATED_REFUSALS='N when planned'      the first N algorithms of every pass, when their workspace is asked for
//   EMULATED_REFUSALS='N when run'          or when they are run

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

enum { SUCCESS = 0, BAD_PARAM = 2000, NOT_SUPPORTED = 3000 };
enum { FLOAT = 0, BFLOAT16 = 9 };
enum { NHWC = 1 };
enum { IMPLICIT_PRECOMP_GEMM = 1 };
// The deterministic algorithms of the passes, in the order in which they are tried: two by name, one as suggested.
const int FORWARD[] = {IMPLICIT_PRECOMP_GEMM, 0 /* IMPLICIT_GEMM */, 6 /* WINOGRAD */};
const int BACKWARD_DATA[] = {1 /* ALGO_1 */, 5 /* WINOGRAD_NONFUSED */, 4 /* WINOGRAD */};
const int BACKWARD_FILTER[] = {1 /* ALGO_1 */, 5 /* WINOGRAD_NONFUSED */, 2 /* FFT */};
enum { RELU = 1, IDENTITY = 5 };
const size_t WORKSPACE = 1000;

// A tensor or filter with the sizes n, c, h, w (for a filter k, c, h, w).
struct Four {
    int type, format, size[4];

    size_t at(int n, int c, int h, int w) const {
        return format == NHWC ? ((size_t(n) * size[2] + h) * size[3] + w) * size[1] + c
                              : ((size_t(n) * size[1] + c) * size[2] + h) * size[3] + w;
    }
};
struct Convolution {
    int border[2], stride[2], dilation[2], mode, type, math;
};
struct After {
    int mode, nan;
};

static double get(const Four *four, const void *data, size_t at) {
    if (four->type == FLOAT) return ((const float *)data)[at];
    uint32_t bits = uint32_t(((const uint16_t *)data)[at]) << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static void set(const Four *four, void *data, size_t at, float x) {
    if (four->type == FLOAT) {
        ((float *)data)[at] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, 4);
    ((uint16_t *)data)[at] = std::isnan(x) ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static bool fits(const Four *x, const Four *w, const Convolution *conv, const Four *y) {
    bool types = x->type == y->type && x->type == w->type && conv->type == FLOAT && conv->mode == 1;
    bool lies = x->format == NHWC && y->format == NHWC && w->format == NHWC;
    bool sizes = x->size[0] == y->size[0] && x->size[1] == w->size[1] && y->size[1] == w->size[0];
    for (int i = 0; i < 2; i++) {
        int extent = 1 + (x->size[2 + i] + 2 * conv->border[i] - ((w->size[2 + i] - 1) * conv->dilation[i] + 1)) / conv->stride[i];
        sizes = sizes && y->size[2 + i] == extent && conv->dilation[i] == 1;
    }
    bool math = x->type == BFLOAT16 ? conv->math == 1 : conv->math == 0 || conv->math == 3;
    return types && lies && sizes && math;
}

// Whether an algorithm is there and not refused at this moment.
static bool takes(const int (&algorithms)[3], int algorithm, const char *moment) {
    const char *told = getenv("EMULATED_REFUSALS");
    const int refused = told && strstr(told, moment) ? atoi(told) : 0;
    for (int rank = 0; rank < 3; rank++) {
        if (algorithms[rank] == algorithm) return rank >= refused;
    }
    return false;
}

// `cudnnConvolutionFwdAlgoPerf_t`, and those of the other passes.
struct Performance {
    int algorithm, status;
    float time;
    size_t memory;
    int deterministic, math, reserved[3];
};

// Suggestions: the fastest is not deterministic, the next is not supported, the others are as above.
static int suggest(const int (&algorithms)[3], int room, int *count, Performance *to) {
    const Performance first[] = {{0, SUCCESS, 1, 0, 0, 0, {}}, {algorithms[2], NOT_SUPPORTED, -1, 0, 1, 0, {}}};
    *count = 0;
    for (auto &suggestion : first) {
        if (*count < room) to[(*count)++] = suggestion;
    }
    for (int algorithm : algorithms) {
        if (*count < room) to[(*count)++] = {algorithm, SUCCESS, 2, 0, 1, 0, {}};
    }
    return SUCCESS;
}

// Calls `term(at x, at w, at y)` for every product of the convolution.
template <class Term>
static void products(const Four *x, const Four *w, const Convolution *conv, const Four *y, Term term) {
    for (int n = 0; n < y->size[0]; n++)
        for (int k = 0; k < y->size[1]; k++)
            for (int h = 0; h < y->size[2]; h++)
                for (int v = 0; v < y->size[3]; v++)
                    for (int c = 0; c < x->size[1]; c++)
                        for (int r = 0; r < w->size[2]; r++)
                            for (int s = 0; s < w->size[3]; s++) {
                                int row = h * conv->stride[0] - conv->border[0] + r;
                                int column = v * conv->stride[1] - conv->border[1] + s;
                                if (row < 0 || column < 0 || row >= x->size[2] || column >= x->size[3]) continue;
                                term(x->at(n, c, row, column), w->at(k, c, r, s), y->at(n, k, h, v));
                            }
}

static size_t count(const Four *four) { return size_t(four->size[0]) * four->size[1] * four->size[2] * four->size[3]; }

// `to[i] = after(i, sum of a[j] b[k])` over the products; the factors are 1 and 0.
template <class Pick, class After>
static int convolve(
    const Four *x, const Four *w, const Convolution *conv, const Four *y, const Four *a_is, const void *a, const Four *b_is,
    const void *b, const Four *to_is, void *to, Pick pick, After after) {
    if (!fits(x, w, conv, y)) return BAD_PARAM;
    double *sums = (double *)calloc(count(to_is), sizeof(double));
    products(x, w, conv, y, [&](size_t at_x, size_t at_w, size_t at_y) {
        size_t at_a, at_b, at_to;
        pick(at_x, at_w, at_y, at_a, at_b, at_to);
        sums[at_to] += get(a_is, a, at_a) * get(b_is, b, at_b);
    });
    for (size_t i = 0; i < count(to_is); i++) set(to_is, to, i, after(i, sums[i]));
    free(sums);
    return SUCCESS;
}

static double nothing(size_t, double sum) { return sum; }

static bool plain(const void *alpha, const void *beta) { return *(float *)alpha == 1 && *(float *)beta == 0; }

// Every byte of the workspace is written, as cuDNN may.
static bool scratch(void *workspace, size_t bytes) {
    if (bytes >= WORKSPACE) memset(workspace, 0xff, bytes);
    return bytes >= WORKSPACE;
}

extern "C" {

size_t cudnnGetVersion() { return 90000; }
int cudnnCreate(void **handle) { return *handle = (void *)1, SUCCESS; }
int cudnnDestroy(void *) { return SUCCESS; }
int cudnnSetStream(void *, void *) { return SUCCESS; }
int cudnnCreateTensorDescriptor(Four **four) { return *four = new Four{}, SUCCESS; }
int cudnnDestroyTensorDescriptor(Four *four) { return delete four, SUCCESS; }
int cudnnSetTensor4dDescriptor(Four *four, int format, int type, int n, int c, int h, int w) {
    *four = {type, format, {n, c, h, w}};
    return SUCCESS;
}
int cudnnCreateFilterDescriptor(Four **four) { return *four = new Four{}, SUCCESS; }
int cudnnDestroyFilterDescriptor(Four *four) { return delete four, SUCCESS; }
int cudnnSetFilter4dDescriptor(Four *four, int type, int format, int k, int c, int h, int w) {
    *four = {type, format, {k, c, h, w}};
    return SUCCESS;
}
int cudnnCreateConvolutionDescriptor(Convolution **conv) { return *conv = new Convolution{}, SUCCESS; }
int cudnnDestroyConvolutionDescriptor(Convolution *conv) { return delete conv, SUCCESS; }
int cudnnSetConvolution2dDescriptor(Convolution *conv, int ph, int pw, int u, int v, int dh, int dw, int mode, int type) {
    *conv = {{ph, pw}, {u, v}, {dh, dw}, mode, type, 0};
    return SUCCESS;
}
int cudnnSetConvolutionMathType(Convolution *conv, int math) { return conv->math = math, SUCCESS; }
int cudnnCreateActivationDescriptor(After **after) { return *after = new After{}, SUCCESS; }
int cudnnDestroyActivationDescriptor(After *after) { return delete after, SUCCESS; }
int cudnnSetActivationDescriptor(After *after, int mode, int nan, double) { return *after = {mode, nan}, SUCCESS; }

int cudnnGetConvolutionForwardWorkspaceSize(
    void *, Four *x, Four *w, Convolution *conv, Four *y, int algorithm, size_t *bytes) {
    *bytes = WORKSPACE;
    return fits(x, w, conv, y) && takes(FORWARD, algorithm, "planned") ? SUCCESS : NOT_SUPPORTED;
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(
    void *, Four *w, Four *dy, Convolution *conv, Four *dx, int algorithm, size_t *bytes) {
    *bytes = WORKSPACE;
    return fits(dx, w, conv, dy) && takes(BACKWARD_DATA, algorithm, "planned") ? SUCCESS : NOT_SUPPORTED;
}
int cudnnGetConvolutionBackwardFilterWorkspaceSize(
    void *, Four *x, Four *dy, Convolution *conv, Four *dw, int algorithm, size_t *bytes) {
    *bytes = WORKSPACE;
    return fits(x, dw, conv, dy) && takes(BACKWARD_FILTER, algorithm, "planned") ? SUCCESS : NOT_SUPPORTED;
}

int cudnnGetConvolutionForwardAlgorithm_v7(
    void *, Four *, Four *, Convolution *, Four *, int room, int *count, Performance *to) {
    return suggest(FORWARD, room, count, to);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(
    void *, Four *, Four *, Convolution *, Four *, int room, int *count, Performance *to) {
    return suggest(BACKWARD_DATA, room, count, to);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    void *, Four *, Four *, Convolution *, Four *, int room, int *count, Performance *to) {
    return suggest(BACKWARD_FILTER, room, count, to);
}

int cudnnConvolutionForward(
    void *, const void *alpha, Four *x_is, const void *x, Four *w_is, const void *w, Convolution *conv, int algorithm,
    void *workspace, size_t bytes, const void *beta, Four *y_is, void *y) {
    if (!takes(FORWARD, algorithm, "run")) return NOT_SUPPORTED;
    if (!plain(alpha, beta) || !scratch(workspace, bytes)) return BAD_PARAM;
    return convolve(
        x_is, w_is, conv, y_is, x_is, x, w_is, w, y_is, y,
        [](size_t at_x, size_t at_w, size_t at_y, size_t &a, size_t &b, size_t &to) { a = at_x, b = at_w, to = at_y; }, nothing);
}
int cudnnConvolutionBiasActivationForward(
    void *, const void *alpha1, Four *x_is, const void *x, Four *w_is, const void *w, Convolution *conv, int algorithm,
    void *workspace, size_t bytes, const void *alpha2, Four *, const void *, Four *bias_is, const void *bias, After *after,
    Four *y_is, void *y) {
    const char *mode = getenv("EMULATED_CUDNN");
    if ((mode && !strcmp(mode, "unfused")) || !takes(FORWARD, algorithm, "run")) return NOT_SUPPORTED;
    bool shape = bias_is->size[0] == 1 && bias_is->size[1] == y_is->size[1] && bias_is->size[2] == 1 && bias_is->size[3] == 1;
    bool known = after->mode == RELU || (after->mode == IDENTITY && algorithm == IMPLICIT_PRECOMP_GEMM);
    if (!shape || !known || after->nan || bias_is->type != y_is->type || x == y) return NOT_SUPPORTED;
    if (!plain(alpha1, alpha2) || !scratch(workspace, bytes)) return BAD_PARAM;
    return convolve(
        x_is, w_is, conv, y_is, x_is, x, w_is, w, y_is, y,
        [](size_t at_x, size_t at_w, size_t at_y, size_t &a, size_t &b, size_t &to) { a = at_x, b = at_w, to = at_y; },
        [&](size_t i, double sum) {
            sum += get(bias_is, bias, i % y_is->size[1]);
            return after->mode == RELU && !(sum > 0) ? 0 : sum;
        });
}
int cudnnConvolutionBackwardData(
    void *, const void *alpha, Four *w_is, const void *w, Four *dy_is, const void *dy, Convolution *conv, int algorithm,
    void *workspace, size_t bytes, const void *beta, Four *dx_is, void *dx) {
    if (!takes(BACKWARD_DATA, algorithm, "run")) return NOT_SUPPORTED;
    if (!plain(alpha, beta) || !scratch(workspace, bytes)) return BAD_PARAM;
    return convolve(
        dx_is, w_is, conv, dy_is, w_is, w, dy_is, dy, dx_is, dx,
        [](size_t at_x, size_t at_w, size_t at_y, size_t &a, size_t &b, size_t &to) { a = at_w, b = at_y, to = at_x; }, nothing);
}
int cudnnConvolutionBackwardFilter(
    void *, const void *alpha, Four *x_is, const void *x, Four *dy_is, const void *dy, Convolution *conv, int algorithm,
    void *workspace, size_t bytes, const void *beta, Four *dw_is, void *dw) {
    if (!takes(BACKWARD_FILTER, algorithm, "run")) return NOT_SUPPORTED;
    if (!plain(alpha, beta) || !scratch(workspace, bytes)) return BAD_PARAM;
    return convolve(
        x_is, dw_is, conv, dy_is, x_is, x, dy_is, dy, dw_is, dw,
        [](size_t at_x, size_t at_w, size_t at_y, size_t &a, size_t &b, size_t &to) { a = at_x, b = at_y, to = at_w; }, nothing);
}
}
