import dagre from '@dagrejs/dagre';
import type { Inspection, NodeInfo } from './inspection.ts';

/* The graph as boxes in a plane: leaves above, the root below. */

export interface Box {
  readonly key: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The op that made it; undefined for a tensor that came from outside. */
  readonly node: NodeInfo | undefined;
  readonly tensor: number;
  readonly title: string;
  readonly lines: readonly string[];
  readonly isLeaf: boolean;
  readonly isRoot: boolean;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly edges: readonly {
    readonly points: readonly { readonly x: number; readonly y: number }[];
    readonly carries: boolean;
  }[];
}

/** Ops beyond which nobody reads a drawing. */
export const MOST_BOXES = 150;

export function layoutOf(found: Inspection): Layout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', nodesep: 26, ranksep: 34, marginx: 6, marginy: 6 });
  graph.setDefaultEdgeLabel(() => ({}));
  const nodes = found.nodes.slice(0, MOST_BOXES);
  const made = new Map(nodes.map((node) => [node.output, node]));
  const outside = new Set(nodes.flatMap((node) => node.inputs.filter((id) => !made.has(id))));
  const boxes: Omit<Box, 'x' | 'y'>[] = [];
  const add = (tensor: number, node: NodeInfo | undefined) => {
    const name = found.names[tensor];
    const leaf = found.leaves.find((one) => one.tensor === tensor);
    const gradient = node?.gradient ?? leaf?.gradient;
    const info = found.tensors[tensor]!;
    const op =
      node && `${node.op}${node.attributes && node.attributes.length < 18 ? ` ${node.attributes}` : ''}`;
    const title = node ? (name ? `${name} = ${op}` : op!) : (name ?? 'constant');
    const lines = [`${shapeText(info.shape)} ${preview(info.values, info.shape)}`];
    if (gradient) lines.push(`grad ${preview(gradient.values, gradient.shape)}`);
    // Bold letters are a quarter wider.
    const longest = Math.max(title.length * 1.25, ...lines.map((line) => line.length));
    const width = Math.min(230, Math.max(84, 20 + 6.7 * longest));
    const height = 30 + 17 * lines.length;
    const key = String(tensor);
    graph.setNode(key, { width, height });
    const isRoot = found.roots.includes(tensor);
    boxes.push({ key, width, height, node, tensor, title, lines, isLeaf: leaf !== undefined, isRoot });
  };
  for (const tensor of outside) add(tensor, undefined);
  for (const node of nodes) add(node.output, node);
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) graph.setEdge(String(input), String(node.output));
  }
  dagre.layout(graph);
  const tracked = new Set([
    ...found.leaves.map(({ tensor }) => tensor),
    ...nodes.filter(({ gradient }) => gradient).map(({ output }) => output),
  ]);
  const { width = 0, height = 0 } = graph.graph();
  return {
    width,
    height,
    boxes: boxes.map((box) => {
      const { x = 0, y = 0 } = graph.node(box.key) as { x?: number; y?: number };
      return { ...box, x: x - box.width / 2, y: y - box.height / 2 };
    }),
    edges: graph.edges().map((edge: { v: string; w: string }) => ({
      points: (graph.edge(edge) as { points: { x: number; y: number }[] }).points,
      carries: tracked.has(Number(edge.v)) && tracked.has(Number(edge.w)),
    })),
  };
}

export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** A number to three digits, without an exponent where that is short. */
export const numberText = (value: number): string => {
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−');
};

/** The first values, in a few letters. */
export function preview(values: readonly number[], shape: readonly number[]): string {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const shown: string[] = [];
  let length = 0;
  for (const value of values) {
    const text = numberText(value);
    length += text.length + 2;
    if (length > 22) break;
    shown.push(text);
  }
  return `${shown.join(', ')}${shown.length < size ? ' …' : ''}`;
}
