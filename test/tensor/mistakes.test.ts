/* Runs without an adapter. */
import * as autograd from '@tapegrad/autograd';
import { grad, gradcheck, noGrad, requiresGrad, valueAndGrad, vjp } from '@tapegrad/autograd';
import * as nn from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { type Tensor, tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/*
 * Calls as people write them who come from PyTorch or NumPy, or who have no type checker: the error is in our words, opens with
 * what was called, shows what was given and says what to give.
 */

tg.setDefaultDevice(tg.referenceDevice);

// The type checker refuses everything here.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;
const x: Untyped = tg.arange(6).reshape([2, 3]);
const square: Untyped = tg.ones([3, 3]);
const [images, weights]: Untyped = [tg.ones([1, 3, 8, 8]), tg.ones([4, 3, 3, 3])];
const index: Untyped = tensor([0, 1], { dtype: 'int32' });
const T: Untyped = tg;
const N: Untyped = nn;
const sum: Untyped = (t: Tensor) => t.sum();

const mistakes: [call: string, fn: () => unknown, message: RegExp][] = [
  [
    'x.reshape(3, 2)',
    () => x.reshape(3, 2),
    /^reshape: a shape is an array such as \[2, 3\], got 3: put .* into brackets/,
  ],
  [
    'x.reshape([3, 2.5])',
    () => x.reshape([3, 2.5]),
    /^reshape: a shape has whole extents, or −1 .*, got \[3, 2.5\]/,
  ],
  ['x.expand(2, 2, 3)', () => x.expand(2, 2, 3), /^expand: a shape is an array/],
  ['sumToSize(x, 3)', () => T.sumToSize(x, 3), /^sumToSize: a shape is an array/],
  [
    'x.sum({ axis: 1 })',
    () => x.sum({ axis: 1 }),
    /^sum: an axis is a whole number, got \{ axis: 1 \}: axes are given without a name/,
  ],
  ['x.sum(0, true)', () => x.sum(0, true), /^sum: expects options such as \{ keepDims: … \}, got true/],
  ['x.sum(0, 1)', () => x.sum(0, 1), /^sum: expects options such as .* got 1/],
  ["x.mean('all')", () => x.mean('all'), /^mean: an axis is a whole number, got "all"/],
  ['x.max(x)', () => x.max(x), /^max: an axis is a whole number, got Tensor\(\[2, 3\]/],
  [
    'x.max(0, { keepdim: true })',
    () => x.max(0, { keepdim: true }),
    /^max: no option is named 'keepdim'; did you mean 'keepDims'/,
  ],
  [
    'x.std(0, { unbiased: false })',
    () => x.std(0, { unbiased: false }),
    /^std: .*'unbiased'; it has correction, keepDims/,
  ],
  [
    "x.variance(0, { correction: '1' })",
    () => x.variance(0, { correction: '1' }),
    /^variance: the correction is a number, got "1"/,
  ],
  [
    'x.std(0, { correction: -1 })',
    () => x.std(0, { correction: -1 }),
    /^std: the correction is 0 or more, got -1/,
  ],
  ['x.argmax(1, true)', () => x.argmax(1, true), /^argmax: expects options/],
  [
    'x.softmax({ dim: 1 })',
    () => x.softmax({ dim: 1 }),
    /^softmax: an axis is a whole number, got \{ dim: 1 \}: axes/,
  ],
  ['x.cumsum(0, true)', () => x.cumsum(0, true), /^cumsum: expects options such as \{ reverse: … \}/],
  ['x.permute(1, 0)', () => x.permute(1, 0), /^permute: the axes are an array such as \[1, 0\], got 1/],
  ['x.transpose([1, 0])', () => x.transpose([1, 0]), /^transpose: an axis is a whole number, got \[1, 0\]/],
  ['x.unsqueeze()', () => x.unsqueeze(), /^unsqueeze: an axis is a whole number, got undefined/],
  ['x.unsqueeze(3)', () => x.unsqueeze(3), /^unsqueeze: axis 3 is out of range for rank 3/],
  [
    'x.slice(0, 2)',
    () => x.slice(0, 2),
    /^slice: a range is \[start, end, step\] .* such as slice\(\[0, 2\], null\), got 0/,
  ],
  ["x.slice('0:2')", () => x.slice('0:2'), /^slice: a range is .* got "0:2"/],
  [
    'x.pad([1, 1])',
    () => x.pad([1, 1]),
    /^pad: the widths are \[before, after\] for each axis, .* got \[1, 1\] for \[2, 3\]/,
  ],
  [
    "x.pad(…, 'reflect')",
    () =>
      x.pad(
        [
          [1, 1],
          [1, 1],
        ],
        'reflect',
      ),
    /^pad: the value is a number, got "reflect"/,
  ],
  ['x.clamp(0, 1)', () => x.clamp(0, 1), /^clamp: expects options such as \{ min: … \}, got 0/],
  ['x.clamp()', () => x.clamp(), /^clamp: expects bounds, such as \{ min: 0 \}/],
  ['x.clamp({ low: 0 })', () => x.clamp({ low: 0 }), /^clamp: no option is named 'low'; it has min, max/],
  [
    'x.leakyRelu({ negativeSlope: 0.1 })',
    () => x.leakyRelu({ negativeSlope: 0.1 }),
    /^leakyRelu: the slope is a number, got \{ negat/,
  ],
  ['x.elu({ alpha: 1 })', () => x.elu({ alpha: 1 }), /^elu: alpha is a number/],
  ["x.gelu('tanh')", () => x.gelu('tanh'), /^gelu: expects options such as \{ approximate: … \}, got "tanh"/],
  [
    "x.gelu({ approximate: 'erf' })",
    () => x.gelu({ approximate: 'erf' }),
    /^gelu: approximate is 'none' or 'tanh', got "erf"/,
  ],
  [
    'x.view(3, 2)',
    () => x.view(3, 2),
    /^view: a shape is an array such as \[2, 3\], got 3: put .* into brackets/,
  ],
  [
    'x.view([4, 2])',
    () => x.view([4, 2]),
    /^reshape: \[2, 3\] has 6 elements, \[4, 2\] does not hold as many/,
  ],
  [
    'tg.ones([1, 2, 3]).t()',
    () => T.ones([1, 2, 3]).t(),
    /^t: expects a matrix, got \[1, 2, 3\]: transpose\(\)/,
  ],
  ...(
    [
      ['einsum(x, square)', [x, square], /the equation comes first, such as .*, got Tensor\(\[2, 3\]/],
      ["einsum('ij,jk->ik', [x, square])", ['ij,jk->ik', [x, square]], /expects a tensor, got \[/],
      ["einsum('ij,jk->ik', x, 2)", ['ij,jk->ik', x, 2], /expects a tensor, got 2/],
      ["einsum('ij,jk->ik')", ['ij,jk->ik'], /got 2 terms: 'ij,jk->ik' of nothing/],
      [
        "einsum('ij,jk,kl->il', …)",
        ['ij,jk,kl->il', x, square, square],
        /one or two tensors, .* got 3 terms/,
      ],
      ["einsum('ij,jk->ik', x, x)", ['ij,jk->ik', x, x], /'j' is 3 and 2: 'ij,jk->ik' of \[2, 3\], \[2, 3\]/],
      ["einsum('ij,jk->im', x, square)", ['ij,jk->im', x, square], /the output's 'm' names no axis/],
      ["einsum('ij,j*->i', x, square)", ['ij,j*->i', x, square], /expects letters and '...' for axes/],
    ] as [string, unknown[], RegExp][]
  ).map(([call, args, message]): [string, () => unknown, RegExp] => [
    call,
    () => T.einsum(...args),
    new RegExp(`^einsum: .*${message.source}`),
  ]),
  ['maxPool2d(x, 2)', () => T.maxPool2d(x, 2), /^maxPool2d: expects \[N, C, H, W\], got \[2, 3\]/],
  ['maxPool2d([[1]], 2)', () => T.maxPool2d([[1]], 2), /^maxPool2d: expects a tensor, got \[\[1\]\]/],
  ['maxPool2d(images)', () => T.maxPool2d(images), /^maxPool2d: kernelSize is a number or .* got undefined/],
  [
    'maxPool2d(images, { kernelSize: 2 })',
    () => T.maxPool2d(images, { kernelSize: 2 }),
    /^maxPool2d: kernelSize is a number or \[height, width\], got \{ kernelSize: 2 \}/,
  ],
  [
    'maxPool2d(images, 2, 2)',
    () => T.maxPool2d(images, 2, 2),
    /^maxPool2d: expects options such as \{ stride: … \}, got 2/,
  ],
  [
    'maxPool2d(images, 0)',
    () => T.maxPool2d(images, 0),
    /^maxPool2d: kernel, .* whole numbers from 1, .* kernel \[0, 0\]/,
  ],
  [
    'maxPool2d(images, 2, { padding: 2 })',
    () => T.maxPool2d(images, 2, { padding: 2 }),
    /^maxPool2d: the padding is at most half of the kernel: .* padding \[2, 2\]/,
  ],
  [
    "maxPool2d(images, 2, { padding: 'same' })",
    () => T.maxPool2d(images, 2, { padding: 'same' }),
    /^maxPool2d: padding is a number or \[height, width\], got "same"/,
  ],
  [
    'maxPool2d(images, 2, { ceil_mode: true })',
    () => T.maxPool2d(images, 2, { ceil_mode: true }),
    /^maxPool2d: no option is named 'ceil_mode'; did you mean 'ceilMode'/,
  ],
  [
    'avgPool2d(images, 2, { dilation: 2 })',
    () => T.avgPool2d(images, 2, { dilation: 2 }),
    /^avgPool2d: no option is named 'dilation'; it has stride, padding, ceilMode, countIncludePad/,
  ],
  [
    'avgPool2d(images, 9)',
    () => T.avgPool2d(images, 9),
    /^avgPool2d: the window is larger than the padded image/,
  ],
  ['conv2d(images, 3)', () => T.conv2d(images, 3), /^conv2d: expects a tensor, got 3/],
  [
    'conv2d(images, weights, 2)',
    () => T.conv2d(images, weights, 2),
    /^conv2d: expects options such as .* got 2/,
  ],
  [
    'conv2d(images, weights, { strides: 2 })',
    () => T.conv2d(images, weights, { strides: 2 }),
    /^conv2d: no option is named 'strides'; did you mean 'stride'/,
  ],
  [
    'conv2d(images, weights, { padding: [1, 1, 1, 1] })',
    () => T.conv2d(images, weights, { padding: [1, 1, 1, 1] }),
    /^conv2d: padding is a number or \[height, width\], got \[1, 1, 1, 1\]/,
  ],
  [
    "conv2d(images, weights, { groups: '1' })",
    () => T.conv2d(images, weights, { groups: '1' }),
    /^conv2d: groups is a whole number from 1, got "1"/,
  ],
  [
    'conv2d(one image, weights)',
    () => T.conv2d(images.squeeze(0), weights),
    /^conv2d: expects NCHW images and OIHW weights: \[3, 8, 8\] with weights/,
  ],
  [
    'conv2d(images of [N, H, W, C], weights)',
    () => T.conv2d(images.permute([0, 2, 3, 1]), weights),
    /^conv2d: images have 8 channels, weights expect 3/,
  ],
  [
    'convTranspose2d(images, 3)',
    () => T.convTranspose2d(images, 3),
    /^convTranspose2d: expects a tensor, got 3/,
  ],
  [
    "convTranspose2d(images, weights, { padding: 'same' })",
    () => T.convTranspose2d(images, weights, { padding: 'same' }),
    /^convTranspose2d: padding is a number or .* got "same"/,
  ],
  ['x.round(2)', () => x.round(2), /^round: takes no argument, got 2/],
  ['x.add(x, 2)', () => x.add(x, 2), /^add: takes one argument, got Tensor\(.*\), 2/],
  [
    'x.add([1, 2, 3])',
    () => x.add([1, 2, 3]),
    /^add: expects tensors and numbers, got \[1, 2, 3\]; tensor\(…\) makes one/,
  ],
  ["x.add('1')", () => x.add('1'), /^add: expects tensors and numbers, got "1"/],
  ['x.mul()', () => x.mul(), /^mul: expects tensors and numbers, got undefined/],
  ['x.mul(1n)', () => x.mul(1n), /^mul: .* got 1n/],
  ['x.mul(new Float32Array(3))', () => x.mul(new Float32Array(3)), /^mul: .* got Float32Array/],
  ['where(true, x, x)', () => T.where(true, x, x), /^where: expects a tensor, got true/],
  [
    'x.matmul([[1], [2], [3]])',
    () => x.matmul([[1], [2], [3]]),
    /^matmul: expects a tensor, got \[\[1\], \[2\], \[3\]\]/,
  ],
  [
    'x.matmul(square, true)',
    () => x.matmul(square, true),
    /^matmul: expects options such as \{ transposeA: … \}, got true/,
  ],
  [
    "x.cast('float64')",
    () => x.cast('float64'),
    /^cast: cannot make "float64" of \[2, 3\]: float32, float16, int32 or uint32/,
  ],
  [
    'concat(x, x)',
    () => T.concat(x, x),
    /^concat: expects an array of tensors, such as concat\(\[a, b\]\), got Tensor/,
  ],
  ['concat([x, x], { axis: 1 })', () => T.concat([x, x], { axis: 1 }), /^concat: an axis is a whole number/],
  ['stack([x, 3])', () => T.stack([x, 3]), /^stack: expects a tensor, got 3/],
  ['gather(x, index, 0)', () => T.gather(x, index, 0), /^gather: expects a tensor, got 0/],
  [
    'indexSelect(x, 0, [0, 1])',
    () => T.indexSelect(x, 0, [0, 1]),
    /^indexSelect: expects a tensor, got \[0, 1\]/,
  ],
  [
    'index.oneHot()',
    () => index.oneHot(),
    /^oneHot: the number of classes is a whole number, .* got undefined/,
  ],
  [
    'tensor(BigInt64Array)',
    () => T.tensor(BigInt64Array.of(1n)),
    /^tensor: a big integer is no number here: Int32Array.from/,
  ],
  [
    "tensor([1], { device: 'gpu' })",
    () => T.tensor([1], { device: 'gpu' }),
    /^tensor: a device is what openDevice\(\) .* got "gpu"/,
  ],
  ["full([2], 'a')", () => T.full([2], 'a'), /^full: the value is a number, got "a"/],
  ['randn(2, 3)', () => T.randn(2, 3), /^randn: a shape is an array such as \[2, 3\], got 2/],
  [
    'rand([2], { generator: 3 })',
    () => T.rand([2], { generator: 3 }),
    /^rand: the generator is a Generator, .* got 3/,
  ],
  ["arange('3')", () => T.arange('3'), /^arange: each of start, end and step is a number, got "3"/],
  ['linspace(0, 1)', () => T.linspace(0, 1), /^linspace: the count is a whole number from 0, got undefined/],
  [
    'eye([2, 3])',
    () => T.eye([2, 3]),
    /^eye: each of rows and columns is a whole number from 0, got \[2, 3\]/,
  ],
  [
    'new Generator(0, { seed: 1 })',
    () => new T.Generator(0, { seed: 1 }),
    /^Generator: no option is named 'seed'/,
  ],
  ['generator.normal(2, 3)', () => new T.Generator(0).normal(2, 3), /^normal: a shape is an array/],
  ['generator.bernoulli(0.5)', () => new T.Generator(0).bernoulli(0.5), /^bernoulli: a shape is an array/],
  [
    'generator.bernoulli([2], 2)',
    () => new T.Generator(0).bernoulli([2], 2),
    /^bernoulli: a probability is .* got 2$/,
  ],
  [
    'setDefaultDevice(openDevice())',
    () => T.setDefaultDevice(Promise.resolve()),
    /^setDefaultDevice: .* got a promise \(await it\)/,
  ],
  ['scope(3)', () => T.scope(3), /^scope: expects a function, got 3/],
  ['capture(x)', () => T.capture(x), /^capture: expects a function, got Tensor/],
  ['keep(3)', () => T.keep(3), /^keep: expects a tensor, got 3/],
  [
    'loss.backward(x)',
    () => x.backward(x),
    /^backward: expects options such as \{ gradient: … \}, got Tensor/,
  ],
  ['requiresGrad([1])', () => (requiresGrad as Untyped)([1]), /^requiresGrad: expects a tensor, got \[1\]/],
  ['grad(x)', () => (grad as Untyped)(x), /^grad: expects a function, got Tensor/],
  [
    'grad(sum)([1])',
    () => grad(sum)([1] as Untyped),
    /^grad: argument 0 is no tensor but \[1\]: close over it/,
  ],
  ['vjp(sum, x, x)', () => vjp(sum, x, x), /^vjp: the arguments are an array such as \[x\], got Tensor/],
  ['noGrad(3)', () => noGrad(3 as Untyped), /^noGrad: expects a function, got 3/],
  [
    "mseLoss(x, x, 'sum')",
    () => N.mseLoss(x, x, 'sum'),
    /^mseLoss: expects options such as \{ reduction: … \}, got "sum"/,
  ],
  [
    "l1Loss(x, x, { reduction: 'avg' })",
    () => N.l1Loss(x, x, { reduction: 'avg' }),
    /^l1Loss: reduction is 'mean', 'sum' or 'none', got "avg"/,
  ],
  ['mseLoss(x, 3)', () => N.mseLoss(x, 3), /^mseLoss: expects a tensor, got 3/],
  [
    'crossEntropyLoss(x, [0, 1])',
    () => N.crossEntropyLoss(x, [0, 1]),
    /^crossEntropyLoss: expects a tensor, got \[0, 1\]/,
  ],
  [
    'crossEntropyLoss(…, { weight })',
    () => N.crossEntropyLoss(x, index, { weight: x }),
    /no option is named 'weight'/,
  ],
  ['new Linear(2)', () => new N.Linear(2), /^Linear: outputs is a whole number from 0, got undefined/],
  [
    'linear.forward([1, 2])',
    () => new N.Linear(2, 3).forward([1, 2]),
    /^Linear: expects a tensor, got \[1, 2\]/,
  ],
  ['new Embedding(3)', () => new N.Embedding(3), /^Embedding: size is a whole number from 0, got undefined/],
  [
    'new Sequential([a, b])',
    () => new N.Sequential([new nn.ReLU()]),
    /^Sequential: layer 0 is no layer but \[ReLU\]; write new Seq/,
  ],
  [
    'new Dropout({ p: 0.5 })',
    () => new N.Dropout({ p: 0.5 }),
    /^Dropout: p is a probability, got \{ p: 0.5 \}/,
  ],
  [
    'new LeakyReLU({ … })',
    () => new N.LeakyReLU({ negativeSlope: 0.1 }),
    /^LeakyReLU: the slope is a number/,
  ],
  ["new GELU('tanh')", () => new N.GELU('tanh'), /^GELU: expects options such as \{ approximate: … \}/],
  [
    'new BatchNorm2d(2, 1e-5)',
    () => new N.BatchNorm2d(2, 1e-5),
    /^BatchNorm2d: expects options such as \{ eps: … \}/,
  ],
  ['new LayerNorm()', () => new N.LayerNorm(), /^LayerNorm: a shape is an array/],
  ['new Unflatten(1, [2])', () => new N.Unflatten(1, [2]), /^Unflatten: a shape is an array/],
  [
    'new Adam(model)',
    () => new N.Adam(new nn.Linear(2, 3)),
    /^Adam: expects parameters, such as model.parameters\(\), got Linear/,
  ],
  [
    'loadStateDict({})',
    () => (new nn.Linear(2, 3) as Untyped).loadStateDict({}),
    /^loadStateDict: expects a Map from names to tensors/,
  ],
  [
    "x.sum(0, { keepDims: 'false' })",
    () => x.sum(0, { keepDims: 'false' }),
    /^sum: keepDims is true or false, got "false"/,
  ],
  [
    'x.matmul(square, { transposeA: 1 })',
    () => x.matmul(square, { transposeA: 1 }),
    /^matmul: transposeA is true or false, got 1/,
  ],
  [
    'avgPool2d(…, { countIncludePad: 0 })',
    () => T.avgPool2d(images, 2, { countIncludePad: 0 }),
    /^avgPool2d: countIncludePad is true/,
  ],
  [
    'convTranspose2d(…, { outputPadding: 0.5 })',
    () => T.convTranspose2d(images, T.ones([3, 1, 3, 3]), { stride: 2, outputPadding: 0.5 }),
    /^convTranspose2d: output padding \[0.5, 0.5\] has to be whole/,
  ],
  [
    'convTranspose2d(…, { padding: 5 })',
    () => T.convTranspose2d(images, T.ones([3, 1, 3, 3]), { padding: 5 }),
    /^convTranspose2d: nothing is left of the output: size \[0, 0\] with \[1, 3, 8, 8\]/,
  ],
  [
    'full([1e6, 1e6], 1)',
    () => T.full([1e6, 1e6], 1),
    /^full: float32 \[1000000, 1000000\], a tensor of 4000000000000 bytes is more/,
  ],
  ['arange(1e12)', () => T.arange(1e12), /^arange: float32 \[1000000000000\], a tensor of/],
  ['eye(1e6)', () => T.eye(1e6), /^eye: float32 \[1000000, 1000000\], a tensor of/],
  [
    'x.expand([2 ** 30, 2, 3])',
    () => x.expand([2 ** 30, 2, 3]),
    /^expand: float32 \[1073741824, 2, 3\], a tensor of/,
  ],
  [
    "ones([2], { dtype: 'float64' })",
    () => T.ones([2], { dtype: 'float64' }),
    /^ones: no type is named "float64": /,
  ],
  [
    "zerosLike(x, { type: 'int32' })",
    () => T.zerosLike(x, { type: 'int32' }),
    /^zerosLike: no option is named 'type'/,
  ],
  [
    'writeTo(x, …) past its end',
    () => T.writeTo(x, new Float32Array(4), 3),
    /^writeTo: 4 values from element 3 on do not fit into shape \[2, 3\]/,
  ],
  [
    "tensor([1, 2 ** 31], { dtype: 'int32' })",
    () => T.tensor([1, 2 ** 31], { dtype: 'int32' }),
    /^tensor: 2147483648 is no int32, which holds whole numbers from -2147483648 to 2147483647$/,
  ],
  [
    "full([], Number.NaN, { dtype: 'int32' })",
    () => T.full([], Number.NaN, { dtype: 'int32' }),
    /^full: NaN is no int32/,
  ],
  [
    "arange(257, { dtype: 'uint8' })",
    () => T.arange(257, { dtype: 'uint8' }),
    /^arange: 256 is no uint8, which holds whole numbers from 0 to 255$/,
  ],
  [
    'writeTo(index, [-Infinity])',
    () => T.writeTo(index, Float32Array.of(-Infinity)),
    /^writeTo: -Infinity is no int32/,
  ],
  [
    "capture(sum, { limit: 'no' })",
    () => T.capture(sum, { limit: 'no' }),
    /^capture: the limit is a whole number from 0, got "no"/,
  ],
  [
    'new Generator(0, { stream: 0.5 })',
    () => new T.Generator(0, { stream: 0.5 }),
    /^Generator: a stream is a whole number, got 0.5/,
  ],
  [
    'grad(square)(x)',
    () => (grad as Untyped)((t: Tensor) => t.square())(x),
    /^grad: the function returned shape \[2, 3\], no scalar: sum it, or use vjp\(\)/,
  ],
  ['valueAndGrad(x)', () => valueAndGrad(x), /^valueAndGrad: expects a function, got Tensor/],
  [
    'vjp(square, [x], 2)',
    () => (vjp as Untyped)((t: Tensor) => t.square(), [x], 2),
    /^vjp, cotangent: expects a tensor, got 2/,
  ],
  [
    'backward({ retainGraph: 1 })',
    () => x.backward({ retainGraph: 1 }),
    /^backward: retainGraph is true or false, got 1/,
  ],
  [
    'bare.forward(images of other channels)',
    () => new N.BatchNorm2d(1).eval().forward(images),
    /^BatchNorm2d: expects \[N, 1, H, W\], got \[1, 3, 8, 8\]/,
  ],
  [
    "new LayerNorm(3, { eps: '1' })",
    () => new N.LayerNorm(3, { eps: '1' }),
    /^LayerNorm: eps is a number from 0, got "1"/,
  ],
  [
    'new Linear(2, 3, { generator: 7 })',
    () => new N.Linear(2, 3, { generator: 7 }),
    /^Linear: the generator is a Generator, .* got 7/,
  ],
  ['new Conv2d(3)', () => new N.Conv2d(3), /^Conv2d: outputs is a whole number from 0, got undefined/],
  [
    'embedding.forward(x)',
    () => new N.Embedding(3, 2).forward(x),
    /^Embedding: the indices are int32, got float32 \[2, 3\]/,
  ],
  [
    'crossEntropyLoss(x, x)',
    () => N.crossEntropyLoss(x, x),
    /^crossEntropyLoss: expects \[N, C, ...\] and labels/,
  ],
  ['new Adam([index])', () => new N.Adam([index]), /^Adam: parameters are float32, got int32 \[2\]/],
  [
    'new SGD([what was computed])',
    () => new N.SGD([requiresGrad(tensor([1])).mul(2)]),
    /^SGD: a tensor of shape \[1\] was computed from others/,
  ],
  [
    'new Adam(…, { betas: [0.9] })',
    () => new N.Adam([tensor([1])], { betas: [0.9] }),
    /^Adam: betas are two numbers .* got \[0.9\]/,
  ],
  [
    "new SGD(…, { lr: '0.1' })",
    () => new N.SGD([tensor([1])], { lr: '0.1' }),
    /^SGD: lr is a number from 0, got "0.1"/,
  ],
  [
    'new AdamW(…, 0.1)',
    () => new N.AdamW([tensor([1])], 0.1),
    /^AdamW: expects options such as \{ lr: … \}, got 0.1/,
  ],
  ['adam.loadState({})', () => new N.Adam([tensor([1])]).loadState({}), /^Adam.loadState: expects a Map/],
  ['stepLR()', () => N.stepLR(), /^stepLR: expects options such as \{ stepSize: … \}, got undefined/],
  [
    'multiStepLR({ milestones: 3 })',
    () => N.multiStepLR({ milestones: 3 }),
    /^multiStepLR: milestones are an array such as \[30, 80\], got 3/,
  ],
  ['every(3, 4)', () => N.every(3, 4), /^every: expects a function, got 4/],
  [
    'loadStateDict(…, { strct: false })',
    () => (new nn.Linear(2, 3) as Untyped).loadStateDict(new Map(), { strct: false }),
    /^loadStateDict: no option is named 'strct'/,
  ],
  [
    'loadStateDict of nothing',
    () => (new nn.Linear(2, 3) as Untyped).loadStateDict(new Map([['weight', null]])),
    /^loadStateDict: weight is a tensor, or \{ shape, data \}, got null/,
  ],
  [
    'callable(sum)',
    () => N.callable(sum),
    /^callable: expects a module, such as new Linear\(3, 4\), got a function/,
  ],
  [
    'encodeSafetensors(…, { epoch: 3 })',
    () => N.encodeSafetensors(new Map(), { epoch: 3 }),
    /^safetensors: the metadata map names to texts, got \{ epoch: 3 \}/,
  ],
  [
    "decodeSafetensors('a.safetensors')",
    () => N.decodeSafetensors('a.safetensors'),
    /^safetensors: expects the bytes of a file, a Uint8Array, got "a.safetensors"/,
  ],
];

for (const [call, fn, message] of mistakes) test(call, () => assert.throws(fn, message));

test('gradcheck(f, x)', async () => {
  const failure = await gradcheck(sum, x).then(
    () => undefined,
    (error: Error) => error.message,
  );
  assert.match(failure ?? '', /^gradcheck: the inputs are an array such as \[x\], got Tensor/);
});

/** Names of the functions that are methods of a tensor, too. */
const methods = Object.getOwnPropertyNames(tg.Tensor.prototype).filter(
  (name) => typeof T[name] === 'function',
);
const nonsense: Untyped[] = [
  ...[
    undefined,
    null,
    true,
    'a',
    1.5,
    Number.NaN,
    1n,
    [],
    ['a'],
    [[]],
    [null],
    [[1, 'a']],
    {},
    { axis: 1 },
    { dtype: 1 },
  ],
  ...[() => 1, new Map(), new Float32Array(2), x, index],
];

/** What went wrong in JavaScript's own words, or undefined. */
function ownWords(fn: () => unknown): string | undefined {
  try {
    tg.scope(() => void fn());
  } catch (error) {
    const { name, message } = error as Error;
    return /^(Tensor\w+)?Error$/.test(name) && /^[\w.]+(, \w+)?: /.test(message) && !/\[object/.test(message)
      ? undefined
      : `${name}: ${message}`;
  }
  return undefined;
}

for (const name of methods) {
  test(`${name} of nonsense answers in our words, if it does not work`, () => {
    const failures = new Set<string | undefined>();
    for (const a of nonsense) {
      failures.add(ownWords(() => T[name](a)));
      failures.add(ownWords(() => x[name](a)));
      for (const b of nonsense) {
        failures.add(ownWords(() => T[name](x, a, b)));
        failures.add(ownWords(() => T[name](index, a, b)));
      }
    }
    failures.delete(undefined);
    assert.equal([...failures], []);
  });
}

/** What loads and saves in promises, and what only the packages themselves call. */
const others = [
  'gradcheck',
  'saveStateDict',
  'saveTensors',
  'readTensors',
  'Module',
  'Optimizer',
  'graphOf',
  'walk',
].concat(['misfits', 'loadTensors', 'bfloat16ToFloat32', 'defineRule', 'setGradientSlot', 'clearGradient']);

for (const [name, f] of Object.entries<Untyped>({ ...autograd, ...nn })) {
  if (typeof f !== 'function' || others.includes(name)) continue;
  test(`${name} of nonsense answers in our words, if it does not work`, () => {
    const isClass = /^class/.test(String(f));
    const call = (...args: unknown[]) => ownWords(() => (isClass ? new f(...args) : f(...args)));
    const failures = new Set<string | undefined>();
    for (const a of nonsense) {
      failures.add(call(a));
      for (const b of nonsense) {
        failures.add(call(2, a, b));
        failures.add(call([requiresGrad(tensor([1]))], a, b));
        failures.add(call(() => tensor(1), a, b));
        if (!isClass) failures.add(call(new nn.Linear(3, 3), a, b));
      }
    }
    failures.delete(undefined);
    assert.equal([...failures], []);
  });
}

const layers: nn.Layer[] = [
  ...[new nn.Linear(3, 3), new nn.Embedding(3, 2), new nn.Conv2d(3, 2, 3), new nn.ConvTranspose2d(3, 2, 3)],
  ...[
    new nn.BatchNorm2d(3),
    new nn.GroupNorm(1, 3),
    new nn.LayerNorm(3),
    new nn.Dropout(),
    new nn.Dropout().eval(),
  ],
  ...[
    new nn.MaxPool2d(2),
    new nn.AvgPool2d(2),
    new nn.Upsample({ scaleFactor: 2 }),
    new nn.Flatten(),
    new nn.ReLU(),
  ],
  ...[new nn.Unflatten([3, 1]), new nn.Sequential(new nn.GELU())],
];

for (const layer of layers) {
  test(`${layer.constructor.name} answers nonsense in our words, if it does not work`, () => {
    const failures = new Set(nonsense.map((a) => ownWords(() => layer.forward(a))));
    failures.delete(undefined);
    assert.equal([...failures], []);
  });
}

test('there are methods that were given nonsense', () => assert.ok(methods.length > 60, `${methods.length}`));

test('what was given is quoted in one line of at most 80 characters, and none of them in halves', () => {
  const { described, excerpt } = tg;
  assert.is(described(new Error('first\nsecond')), 'Error: first?second');
  assert.is(described({ 'a\nb': 1 }), '{ a?b: 1 }');
  assert.is(excerpt('a\u001b[2Jb'), 'a?[2Jb');
  for (const quote of [described, excerpt]) {
    assert.is(quote(new Array(78).fill(1)).length, 80);
    assert.is(quote('1'.repeat(78)).length <= 80, true);
    for (const start of ['', 'a']) {
      const quoted = quote(start + '😀'.repeat(60));
      assert.match(quoted, /^"?a?😀+…$/u);
      assert.ok(quoted.length <= 80 && quoted.length >= 79, quoted);
    }
  }
});

test.run();
