/** Numbers of a step, or their averages over several: `loss` and the objective's parts, by name. */
export type Metrics = Readonly<Record<string, number>>;

/** Averages of metrics, each weighted by its number of images. */
export function averageOf(rows: readonly { metrics: Metrics; images: number }[]): Metrics {
  const total = rows.reduce((sum, { images }) => sum + images, 0);
  const names = Object.keys(rows[0]?.metrics ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      rows.reduce((sum, { metrics, images }) => sum + metrics[name]! * images, 0) / total,
    ]),
  );
}
