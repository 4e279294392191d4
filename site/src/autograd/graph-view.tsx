import { useMemo } from 'preact/hooks';
import type { Inspection } from './inspection.ts';
import { type Box, layoutOf, MOST_BOXES } from './layout.ts';

/** The graph: values go down, gradients come back up. Each box is a button. */
export function GraphView({
  found,
  selected,
  onSelect,
}: {
  found: Inspection;
  selected: number | undefined;
  onSelect: (tensor: number) => void;
}) {
  const layout = useMemo(() => layoutOf(found), [found]);
  return (
    <>
      <div class="graph-scroll">
        <div class="graph" style={{ width: `${layout.width}px`, height: `${layout.height}px` }}>
          <svg width={layout.width} height={layout.height} aria-hidden="true">
            <defs>
              {['value', 'gradient'].map((kind) => (
                <marker
                  key={kind}
                  id={`arrow-${kind}`}
                  viewBox="0 0 8 8"
                  refX="7"
                  refY="4"
                  markerWidth="7"
                  markerHeight="7"
                  orient="auto-start-reverse"
                >
                  <path d="M0 0 8 4 0 8z" class={kind} />
                </marker>
              ))}
            </defs>
            {layout.edges.map(({ points, carries }, i) => (
              <g key={`${i}`}>
                <path class="edge" d={pathOf(points, carries ? -3 : 0)} marker-end="url(#arrow-value)" />
                {carries && (
                  <path class="edge back" d={pathOf(points, 3)} marker-start="url(#arrow-gradient)" />
                )}
              </g>
            ))}
          </svg>
          {layout.boxes.map((box) => (
            <BoxButton
              key={box.key}
              box={box}
              isSelected={box.tensor === selected}
              onSelect={() => onSelect(box.tensor)}
            />
          ))}
        </div>
      </div>
      {found.nodes.length > MOST_BOXES && (
        <p class="hint">
          The first {MOST_BOXES} of {found.nodes.length} ops are drawn.
        </p>
      )}
      <p class="legend">
        <span>
          <i class="line" /> values
        </span>
        <span>
          <i class="line back" /> gradients
        </span>
      </p>
    </>
  );
}

function BoxButton({ box, isSelected, onSelect }: { box: Box; isSelected: boolean; onSelect: () => void }) {
  const { x, y, width, height, title, lines, node, isLeaf, isRoot } = box;
  const kind = node ? (isRoot ? 'root' : 'op') : isLeaf ? 'leaf' : 'constant';
  return (
    <button
      type="button"
      class={`box ${kind}`}
      style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }}
      aria-pressed={isSelected}
      onClick={onSelect}
    >
      <b>{title}</b>
      {lines.map((line, i) => (
        <span key={line} class={i > 0 ? 'grad' : ''}>
          {line}
        </span>
      ))}
    </button>
  );
}

/** A smooth line through dagre's points, moved sideways. */
function pathOf(points: readonly { readonly x: number; readonly y: number }[], aside: number): string {
  const [first, ...rest] = points.map(({ x, y }) => ({ x: x + aside, y }));
  let path = `M${first!.x} ${first!.y}`;
  for (const [i, { x, y }] of rest.entries()) {
    const before = i === 0 ? first! : rest[i - 1]!;
    const middle = (before.y + y) / 2;
    path += ` C${before.x} ${middle} ${x} ${middle} ${x} ${y}`;
  }
  return path;
}
