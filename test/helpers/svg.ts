import type { Drawing } from '@tapegrad/plot';
import { type DefaultTreeAdapterTypes, parseFragment } from 'parse5';

export interface Shape {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  /** Where its own coordinates begin, after the translations of all that it is in. */
  readonly x: number;
  readonly y: number;
}

/** Everything that is drawn in an SVG, in the order in which it is. */
export function shapesOf({ svg }: Pick<Drawing, 'svg'>): Shape[] {
  const shapes: Shape[] = [];
  const visit = (node: DefaultTreeAdapterTypes.ChildNode, x: number, y: number) => {
    if (!('attrs' in node)) return;
    const attributes = Object.fromEntries(node.attrs.map(({ name, value }) => [name, value]));
    const [, dx = '0', dy = '0'] =
      /translate\(([-\d.]+),\s*([-\d.]+)\)/.exec(attributes.transform ?? '') ?? [];
    const at = { x: x + Number(dx), y: y + Number(dy) };
    const text = node.childNodes.map((child) => ('value' in child ? child.value : '')).join('');
    shapes.push({ name: node.tagName, attributes, text, ...at });
    for (const child of node.childNodes) visit(child, at.x, at.y);
  };
  for (const node of parseFragment(svg).childNodes) visit(node, 0, 0);
  return shapes;
}

/** The lengths of a rectangle's path, `M0,0h10v5h-10Z`. */
export function boxOf({ attributes, x, y }: Shape): {
  left: number;
  top: number;
  width: number;
  height: number;
} {
  const [, left, top, width, height] =
    /^M([-\d.]+),([-\d.]+)h([-\d.]+)v([-\d.]+)h/.exec(attributes.d ?? '')?.map(Number) ?? [];
  return { left: x + left!, top: y + top!, width: width!, height: height! };
}
