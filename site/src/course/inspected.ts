/** Node's console breaks what is longer over several lines, where this much room is kept for the brackets. */
const LINE = 80;
const ROOM = 11;

/** A value as Node's console shows it, as far as the course's programs print such. */
export function inspected(value: unknown, indent = -1): string {
  const isInside = indent >= 0;
  const depth = Math.max(0, indent);
  if (typeof value === 'string') return isInside ? `'${value}'` : value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const values = [...(value as unknown as Iterable<number>)];
    return `${value.constructor.name}(${values.length}) ${list(values.map(String), depth, '[]')}`;
  }
  if (Array.isArray(value)) {
    return list(
      value.map((item) => inspected(item, depth + 2)),
      depth,
      '[]',
    );
  }
  if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).map(([name, item]) => `${name}: ${inspected(item, depth + 2)}`);
    return list(entries, depth, '{}');
  }
  return Object.is(value, -0) ? '-0' : String(value);
}

function list(items: readonly string[], indent: number, [open = '', close = '']: string): string {
  if (items.length === 0) return `${open}${close}`;
  const length = items.reduce((sum, item) => sum + item.length + 2, ROOM + indent);
  if (length <= LINE && !items.some((item) => item.includes('\n')))
    return `${open} ${items.join(', ')} ${close}`;
  const pad = ' '.repeat(indent);
  return `${open}\n${items.map((item) => `${pad}  ${item}`).join(',\n')}\n${pad}${close}`;
}
