import type { Graph, Node } from './onnx-file.ts';

/**
 * Nodes that take a bias of [outputs] as their third input, each with a test of the shape in which our bias is added.
 */
const takers: Readonly<Record<string, (shape: readonly number[]) => boolean>> = {
  Gemm: (shape) => shape.length === 1,
  Conv: (shape) => isChannels(shape),
  ConvTranspose: (shape) => isChannels(shape),
};

/** [c, 1, 1], the shape in which a bias is added to images. */
const isChannels = (shape: readonly number[]) => shape.length === 3 && shape[1] === 1 && shape[2] === 1;

/**
 * Moves each bias that is added to a layer's output into the layer, so that a Linear is one Gemm and a Conv2d one
 * Conv, as readers of the file expect. Nothing else about the computation changes.
 */
export function mergeBiases(graph: Graph): Graph {
  const maker = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const constants = new Map(graph.initializers.map((constant) => [constant.name, constant]));
  const uses = new Map<string, number>();
  for (const name of graph.nodes.flatMap(({ inputs }) => inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);

  const replaced = new Map<Node, Node | undefined>();
  for (const add of graph.nodes.filter(({ type }) => type === 'Add')) {
    const [product, term] = add.inputs as [string, string];
    const layer = maker.get(product);
    if (layer?.inputs.length !== 2 || uses.get(product) !== 1) continue;
    const bias = biasOf(term);
    if (!bias || !takers[layer.type]?.(bias.shape)) continue;
    replaced.set(layer, undefined);
    replaced.set(add, { ...layer, inputs: [...layer.inputs, bias.name], outputs: add.outputs });
  }
  const nodes = graph.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : node));
  return { ...graph, nodes };

  /** A parameter with one axis, and the shape in which it is added. */
  function biasOf(term: string): { name: string; shape: readonly number[] } | undefined {
    const reshaped = maker.get(term);
    const name = reshaped?.type === 'Reshape' ? reshaped.inputs[0]! : term;
    const bias = constants.get(name);
    if (bias?.shape.length !== 1) return undefined;
    const shape = reshaped ? constants.get(reshaped.inputs[1]!)?.values : bias.shape;
    return shape && { name, shape: Array.from(shape) };
  }
}
