//! The operations and update rules in plain loops over `f64`: no vectors, no tiles, no threads.
//!
//! Every operation but batch norm is a sum over places: of products of an operand with a kernel (`y += x w`), or of what moves from
//! one place to another (`y += x`). One list of the places gives the operation and its gradients.

/// Numbers with their shape; feature maps are `[n, h, w, c]`.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

impl Array {
    fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
    }

    fn channels(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }
}

/// The result of an operation and the gradients of its operands.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) y: Array,
    pub(super) gradients: Vec<Array>,
}

/// Calls a function with the places in operand, kernel and result of every product.
type Products<'a> = &'a dyn Fn(&mut dyn FnMut(usize, usize, usize));

/// Calls a function with the number of the operand, the place in it and the place in the result of every element that moves.
type Moves<'a> = &'a dyn Fn(&mut dyn FnMut(usize, usize, usize));

/// A convolution of `[x, weight, bias]`, its kernel `[outputs, inputs, k, k]`: 3x3 with a border of 1, 1x1, or 2x2 with stride 2.
pub(super) fn conv2d(operands: &[Array], relu: Relu<'_>, grad: &Array) -> Expected {
    let [_, _, k, _] = dims(&operands[1]);
    convolved(operands, [(1, 0, 1), (2, 0, 1), (1, 1, 1)][k - 1], relu, grad)
}

/// A convolution 3x3 with a border of 1 and stride 2 of `[x, weight, bias]`.
pub(super) fn conv2d_strided(operands: &[Array], relu: Relu<'_>, grad: &Array) -> Expected {
    convolved(operands, (2, 1, 1), relu, grad)
}

/// A convolution 3x3 of `[x, weight, bias]` whose places are `rate` pixels apart.
pub(super) fn conv2d_dilated(operands: &[Array], rate: usize, relu: Relu<'_>, grad: &Array) -> Expected {
    convolved(operands, (1, rate, rate), relu, grad)
}

/// A convolution with that stride and border, and so many pixels from one place of the kernel to the next.
fn convolved(
    operands: &[Array],
    (stride, border, rate): (usize, usize, usize),
    relu: Relu<'_>,
    grad: &Array,
) -> Expected {
    let [n, height, width, inputs] = dims(&operands[0]);
    let [outputs, _, k, _] = dims(&operands[1]);
    let (rows, columns) = (height / stride, width / stride);
    let places: Products<'_> = &|visit| {
        for (pixel, tap) in pairs(n * rows * columns, k * k) {
            let (down, along) = (tap / k * rate, tap % k * rate);
            let (row, column) = (pixel / columns % rows * stride + down, pixel % columns * stride + along);
            if row < border || column < border || row >= height + border || column >= width + border {
                continue;
            }
            let seen = (pixel / columns / rows * height + row - border) * width + column - border;
            for (output, input) in pairs(outputs, inputs) {
                visit(seen * inputs + input, (output * inputs + input) * k * k + tap, pixel * outputs + output);
            }
        }
    };
    product(operands, &[n, rows, columns, outputs], places, relu, grad)
}

/// A transposed convolution 2x2 with stride 2 of `[x, weight, bias]`, its kernel `[inputs, outputs, 2, 2]`.
pub(super) fn conv_transpose2d(operands: &[Array], relu: Relu<'_>, grad: &Array) -> Expected {
    let [n, height, width, inputs] = dims(&operands[0]);
    let outputs = operands[1].shape[1];
    let places: Products<'_> = &|visit| {
        for (pixel, tap) in pairs(n * height * width, 4) {
            let written = doubled(pixel, width, tap);
            for (output, input) in pairs(outputs, inputs) {
                visit(pixel * inputs + input, (input * outputs + output) * 4 + tap, written * outputs + output);
            }
        }
    };
    product(operands, &[n, 2 * height, 2 * width, outputs], places, relu, grad)
}

/// If ReLU follows, its slope below zero and the result that was found: gradients pass where that is positive.
///
/// It decides, not the expected result, because rounding may carry a sum over 0, where its gradient jumps; that is not an error.
pub(super) type Relu<'a> = Option<(f64, &'a Array)>;

fn rectify(y: &mut Array, relu: Relu<'_>) {
    if let Some((slope, _)) = relu {
        y.values.iter_mut().filter(|y| **y < 0.0).for_each(|y| *y *= slope);
    }
}

fn passed(grad: &Array, relu: Relu<'_>) -> Array {
    let mut grad = grad.clone();
    if let Some((slope, found)) = relu {
        let blocked = grad.values.iter_mut().zip(&found.values).filter(|(_, found)| **found <= 0.0);
        blocked.for_each(|(grad, _)| *grad *= slope);
    }
    grad
}

/// `y = x w + bias`, its products at `places`.
fn product(operands: &[Array], shape: &[usize], places: Products<'_>, relu: Relu<'_>, grad: &Array) -> Expected {
    let [x, weight, bias] = [0, 1, 2].map(|index| &operands[index]);
    let mut y = Array::zeros(shape);
    let mut gradients: Vec<_> = operands.iter().map(|operand| Array::zeros(&operand.shape)).collect();
    let grad = passed(grad, relu);
    let channels = y.channels();
    for (at, grad) in grad.values.iter().enumerate() {
        y.values[at] = bias.values[at % channels];
        gradients[2].values[at % channels] += grad;
    }
    places(&mut |from, by, to| {
        y.values[to] += x.values[from] * weight.values[by];
        gradients[0].values[from] += grad.values[to] * weight.values[by];
        gradients[1].values[by] += grad.values[to] * x.values[from];
    });
    rectify(&mut y, relu);
    Expected { y, gradients }
}

/// The maxima of 2x2 windows.
pub(super) fn max_pool2d(x: &Array, positions: &[usize], grad: &Array) -> Expected {
    let [n, height, width, channels] = dims(x);
    moved(&[x], &[n, height / 2, width / 2, channels], grad, &|visit| {
        for (at, position) in positions.iter().enumerate() {
            visit(0, doubled(at / channels, width / 2, *position) * channels + at % channels, at);
        }
    })
}

/// The position, 0 to 3, of the maximum of every 2x2 window; of equal ones the first.
pub(super) fn positions(x: &Array) -> Vec<usize> {
    let [n, height, width, channels] = dims(x);
    let window = |at: usize| {
        let value = |position| x.values[doubled(at / channels, width / 2, position) * channels + at % channels];
        (1..4).fold(0, |best, position| if value(position) > value(best) { position } else { best })
    };
    (0..n * (height / 2) * (width / 2) * channels).map(window).collect()
}

/// Every element at its position in a 2x2 window, zeros elsewhere.
pub(super) fn max_unpool2d(x: &Array, positions: &[usize], grad: &Array) -> Expected {
    let [n, height, width, channels] = dims(x);
    moved(&[x], &[n, 2 * height, 2 * width, channels], grad, &|visit| {
        for (at, position) in positions.iter().enumerate() {
            visit(0, at, doubled(at / channels, width, *position) * channels + at % channels);
        }
    })
}

/// Nearest upsampling to twice the size.
pub(super) fn upsample(x: &Array, grad: &Array) -> Expected {
    let [n, height, width, channels] = dims(x);
    moved(&[x], &[n, 2 * height, 2 * width, channels], grad, &|visit| {
        for (at, tap) in pairs(x.values.len(), 4) {
            visit(0, at, doubled(at / channels, width, tap) * channels + at % channels);
        }
    })
}

/// Bilinear resizing, without aligned corners.
pub(super) fn resize(x: &Array, (rows, columns): (usize, usize), grad: &Array) -> Expected {
    let [n, height, width, channels] = dims(x);
    let mut y = Array::zeros(&[n, rows, columns, channels]);
    let mut gradient = Array::zeros(&x.shape);
    // the pixels before and after a place, with their shares
    let places = |pixel: usize, from: usize, to: usize| {
        let place = ((pixel as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let (before, share) = (place as usize, place.fract());
        [(before, 1.0 - share), ((before + 1).min(from - 1), share)]
    };
    for at in 0..y.values.len() {
        let (pixel, channel) = (at / channels, at % channels);
        for (row, by_row) in places(pixel / columns % rows, height, rows) {
            for (column, by_column) in places(pixel % columns, width, columns) {
                let from = ((pixel / columns / rows * height + row) * width + column) * channels + channel;
                y.values[at] += by_row * by_column * x.values[from];
                gradient.values[from] += by_row * by_column * grad.values[at];
            }
        }
    }
    Expected { y, gradients: vec![gradient] }
}

/// The mean over the pixels of an image.
pub(super) fn mean(x: &Array, grad: &Array) -> Expected {
    let [n, height, width, channels] = dims(x);
    let share = 1.0 / (height * width) as f64;
    let mut y = Array::zeros(&[n, 1, 1, channels]);
    let mut gradient = Array::zeros(&x.shape);
    for at in 0..x.values.len() {
        let to = at / (height * width * channels) * channels + at % channels;
        y.values[to] += share * x.values[at];
        gradient.values[at] = share * grad.values[to];
    }
    Expected { y, gradients: vec![gradient] }
}

/// The channels of `a`, then those of `b`.
pub(super) fn concatenate(a: &Array, b: &Array, grad: &Array) -> Expected {
    let ([n, height, width, _], parts) = (dims(a), [a, b]);
    let channels = a.channels() + b.channels();
    moved(&parts, &[n, height, width, channels], grad, &|visit| {
        for (index, (part, first)) in parts.iter().zip([0, a.channels()]).enumerate() {
            for at in 0..part.values.len() {
                visit(index, at, at / part.channels() * channels + first + at % part.channels());
            }
        }
    })
}

/// Moves elements to `places`.
fn moved(operands: &[&Array], shape: &[usize], grad: &Array, places: Moves<'_>) -> Expected {
    let mut y = Array::zeros(shape);
    let mut gradients: Vec<_> = operands.iter().map(|operand| Array::zeros(&operand.shape)).collect();
    places(&mut |operand, from, to| {
        y.values[to] += operands[operand].values[from];
        gradients[operand].values[from] += grad.values[to];
    });
    Expected { y, gradients }
}

/// Batch norm of `[x, gamma, beta]` by the moments of `x`, or by given means and variances.
pub(super) fn batch_norm(operands: &[Array], given: Option<[&[f64]; 2]>, relu: Relu<'_>, grad: &Array) -> Expected {
    let [x, gamma, beta] = [0, 1, 2].map(|index| &operands[index]);
    let mut y = Array::zeros(&x.shape);
    let mut gradients: Vec<_> = operands.iter().map(|operand| Array::zeros(&operand.shape)).collect();
    let grad = passed(grad, relu);
    let channels = x.channels();
    let count = (x.values.len() / channels) as f64;
    let means = |value: &dyn Fn(usize) -> f64| {
        let mut means = vec![0.0; channels];
        (0..x.values.len()).for_each(|at| means[at % channels] += value(at));
        means.iter_mut().for_each(|mean| *mean /= count);
        means
    };
    let (centers, variances) = match given {
        Some([means, variances]) => (means.to_vec(), variances.to_vec()),
        None => {
            let centers = means(&|at| x.values[at]);
            let variances = means(&|at| (x.values[at] - centers[at % channels]).powi(2));
            (centers, variances)
        }
    };
    let sigmas: Vec<_> = variances.iter().map(|variance| (variance + 1e-5).sqrt()).collect();
    let normal = |at: usize| (x.values[at] - centers[at % channels]) / sigmas[at % channels];
    let (shifts, scales) = (means(&|at| grad.values[at]), means(&|at| grad.values[at] * normal(at)));
    gradients[1].values = scales.iter().map(|scale| count * scale).collect();
    gradients[2].values = shifts.iter().map(|shift| count * shift).collect();
    for at in 0..x.values.len() {
        let channel = at % channels;
        y.values[at] = gamma.values[channel] * normal(at) + beta.values[channel];
        // the moments move with their input
        let moments = if given.is_some() { 0.0 } else { shifts[channel] + normal(at) * scales[channel] };
        gradients[0].values[at] = gamma.values[channel] / sigmas[channel] * (grad.values[at] - moments);
    }
    rectify(&mut y, relu);
    Expected { y, gradients }
}

/// Group norm of `[x, gamma, beta]` by groups of `size` channels of an image.
pub(super) fn group_norm(operands: &[Array], size: usize, relu: Relu<'_>, grad: &Array) -> Expected {
    let [x, gamma, beta] = [0, 1, 2].map(|index| &operands[index]);
    let mut y = Array::zeros(&x.shape);
    let mut gradients: Vec<_> = operands.iter().map(|operand| Array::zeros(&operand.shape)).collect();
    let grad = passed(grad, relu);
    let (channels, images) = (x.channels(), x.shape[0]);
    let image = x.values.len() / images;
    let group = |at: usize| at / image * (channels / size) + at % channels / size;
    let means = |value: &dyn Fn(usize) -> f64| {
        let mut means = vec![0.0; images * channels / size];
        (0..x.values.len()).for_each(|at| means[group(at)] += value(at));
        means.iter_mut().for_each(|mean| *mean /= (image / channels * size) as f64);
        means
    };
    let centers = means(&|at| x.values[at]);
    let variances = means(&|at| (x.values[at] - centers[group(at)]).powi(2));
    let normal = |at: usize| (x.values[at] - centers[group(at)]) / (variances[group(at)] + 1e-5).sqrt();
    let slope = |at: usize| grad.values[at] * gamma.values[at % channels];
    let (shifts, scales) = (means(&slope), means(&|at| slope(at) * normal(at)));
    for at in 0..x.values.len() {
        y.values[at] = gamma.values[at % channels] * normal(at) + beta.values[at % channels];
        gradients[1].values[at % channels] += grad.values[at] * normal(at);
        gradients[2].values[at % channels] += grad.values[at];
        // the moments move with their input
        let moments = shifts[group(at)] + normal(at) * scales[group(at)];
        gradients[0].values[at] = (slope(at) - moments) / (variances[group(at)] + 1e-5).sqrt();
    }
    rectify(&mut y, relu);
    Expected { y, gradients }
}

/// The sum of two maps.
pub(super) fn residual(operands: &[Array], relu: Relu<'_>, grad: &Array) -> Expected {
    let [a, b] = [0, 1].map(|index| &operands[index]);
    let mut y = Array { values: a.values.iter().zip(&b.values).map(|(a, b)| a + b).collect(), ..a.clone() };
    let grad = passed(grad, relu);
    rectify(&mut y, relu);
    Expected { y, gradients: vec![grad.clone(), grad] }
}

/// Where a 2x2 window's element lies in a map of twice the size.
fn doubled(pixel: usize, width: usize, position: usize) -> usize {
    (2 * (pixel / width) + position / 2) * 2 * width + 2 * (pixel % width) + position % 2
}

fn dims(array: &Array) -> [usize; 4] {
    let mut dims = [1; 4];
    dims[..array.shape.len()].copy_from_slice(&array.shape);
    dims
}

fn pairs(outer: usize, inner: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outer).flat_map(move |a| (0..inner).map(move |b| (a, b)))
}

/// A parameter and its state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) value: f64,
    first: f64,
    second: f64,
}

/// The settings of every rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) learning: f64,
    pub(super) decay: f64,
    pub(super) momentum: f64,
}

impl Parameter {
    /// Before the first step.
    pub(super) fn new(value: f64) -> Self {
        Self { value, first: 0.0, second: 0.0 }
    }

    /// Adam's step number `step`, counted from 1; if `decoupled`, the weights decay by themselves (AdamW).
    pub(super) fn adam(&mut self, gradient: f64, rates: Rates, decoupled: bool, step: i32) {
        let gradient = if decoupled { gradient } else { gradient + rates.decay * self.value };
        if decoupled {
            self.value -= rates.learning * rates.decay * self.value;
        }
        self.first = 0.9 * self.first + 0.1 * gradient;
        self.second = 0.999 * self.second + 0.001 * gradient * gradient;
        let mean = self.first / (1.0 - 0.9f64.powi(step));
        let square = self.second / (1.0 - 0.999f64.powi(step));
        self.value -= rates.learning * mean / (square.sqrt() + 1e-8);
    }

    /// A step of gradient descent with momentum.
    pub(super) fn sgd(&mut self, gradient: f64, rates: Rates) {
        self.first = rates.momentum * self.first + gradient + rates.decay * self.value;
        self.value -= rates.learning * self.first;
    }
}
