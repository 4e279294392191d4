import { noGrad } from '@tapegrad/autograd';
import type { Module } from '@tapegrad/nn';
import { internalsOf, reshape, scope, sqrt, square, stack, sum, Tensor } from '@tapegrad/tensor';
import { type Autoencoder, evaluating } from '@tapegrad/vae';
import type { LayerView, LayerWish } from './protocol.ts';

/** More numbers than a picture can show are left out. */
const MOST = 1 << 19;

/** Modules without others inside, by the path that leads to them. */
function* leafModules(module: Module, prefix = ''): Iterable<[string, Module]> {
  for (const [name, child] of module.namedChildren()) {
    const path = prefix + name;
    if ([...child.namedChildren()].length === 0) yield [path, child];
    else yield* leafModules(child, `${path}.`);
  }
}

/** Runs the model on images and shows `seen` the output of every layer. */
function watchLayers(model: Autoencoder, x: Tensor, seen: (name: string, output: Tensor) => void): void {
  const layers = [...leafModules(model)];
  try {
    for (const [name, layer] of layers) {
      const { forward } = layer;
      layer.forward = (...inputs) => {
        const output = forward.apply(layer, inputs);
        if (output instanceof Tensor) seen(name, output);
        return output;
      };
    }
    evaluating(model, () =>
      scope(() => {
        model.forward(x);
      }),
    );
  } finally {
    // What is assigned above hides the class's method; without it that one is back.
    for (const [, layer] of layers) Reflect.deleteProperty(layer, 'forward');
  }
}

/** Names of the layers that a reconstruction goes through. */
export function layerNames(model: Autoencoder, x: Tensor): string[] {
  const names = new Set<string>();
  watchLayers(model, x, (name) => names.add(name));
  return [...names];
}

/** A tensor of the model as it is now; undefined where it has none of that name. */
export async function viewOf(model: Autoencoder, x: Tensor, wish: LayerWish): Promise<LayerView | undefined> {
  const { subject, name } = wish;
  if (subject === 'activations') {
    let copy: Tensor | undefined;
    watchLayers(model, x, (seen, output) => {
      if (seen !== name || copy) return;
      internalsOf(output).retain();
      copy = output;
    });
    if (!copy) return undefined;
    const view = await read(wish, copy);
    internalsOf(copy).release();
    return view;
  }
  const parameter = model.namedParameters().get(name);
  const shown = subject === 'weights' ? parameter : parameter?.grad;
  return shown ? read(wish, shown) : undefined;
}

async function read(wish: LayerWish, tensor: Tensor): Promise<LayerView> {
  const { shape } = tensor;
  const all = Float32Array.from(await tensor.data());
  let [least, most, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of all) {
    least = Math.min(least, value);
    most = Math.max(most, value);
    squares += value * value;
  }
  return { wish, shape, values: all.subarray(0, MOST), least, most, norm: Math.sqrt(squares) };
}

/** Norms of the parameters' gradients after the last step, in one readback. */
export async function gradientNorms(model: Autoencoder): Promise<[name: string, norm: number][]> {
  const parameters = [...model.namedParameters()].filter(([, { grad }]) => grad !== null);
  if (parameters.length === 0) return [];
  const norms = noGrad(() =>
    scope(() => stack(parameters.map(([, { grad }]) => sqrt(sum(square(reshape(grad!, [-1]))))))),
  );
  const values = await norms.data();
  norms.dispose();
  return parameters.map(([name], i) => [name, values[i]!]);
}
