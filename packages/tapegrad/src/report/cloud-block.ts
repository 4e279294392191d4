import { classColors, classShape, mostClasses, pngUri, shapePaths, tiles } from '@tapegrad/plot';
import { encodePng } from '@tapegrad/plot/node';
import type { Cloud } from '@tapegrad/vae';
import type { CloudData } from './client/types.ts';
import { html, type Markup } from './markup.ts';

/** More classes have no buttons, which would fill a page of their own. */
const MOST_BUTTONS = 40;

/** The mark of a class, as large as the text around it. */
const markOf = (label: number): Markup =>
  html`<svg class="mark" viewBox="-1.2 -1.2 2.4 2.4" aria-hidden="true"><path d="${shapePaths[classShape(label)]}" fill="var(--class-${label % classColors.length})"/></svg>`;

/** A plane of points that the page's script fills, and its choices. */
export function cloudBlock(id: string, cloud: Cloud): Markup {
  const { labels, heldOut, caption, title } = cloud;
  const classes = [...new Set([...(labels ?? []), ...(heldOut.labels ?? [])])].sort((a, b) => a - b);
  const buttons = classes.map(
    (label) =>
      html`<button type="button" data-class="${label}" aria-pressed="false">${markOf(label)}${label}${imageOf(cloud, label)}</button>`,
  );
  const chooser =
    classes.length === 0 || classes.length > MOST_BUTTONS
      ? ''
      : html`<div class="controls" role="group" aria-label="classes that are shown"><span>only</span> ${buttons}</div>`;
  const repeats =
    classes.length > mostClasses
      ? html`<p class="note">There are ${classes.length} classes: colours and forms repeat after ${mostClasses}.</p>`
      : '';
  const numbers =
    classes.length > 0 ? html`<label><input type="checkbox" data-digits> as numbers</label>` : '';
  const label = `${title}: ${caption} Arrow keys go from image to image, plus and minus zoom, 0 shows all.`;
  return html`${repeats}<div class="cloud" id="${id}"><div class="beside-plane"><div class="choices">${chooser}<div class="controls"><button type="button" data-zoom="0.7" aria-label="zoom in">+</button><button type="button" data-zoom="1.4" aria-label="zoom out">−</button><button type="button" data-zoom="0">show all</button>${numbers}</div></div><div class="stage"><canvas class="plane" tabindex="0" role="application" aria-label="${label}" aria-describedby="${id}-tip"></canvas><div class="tip" id="${id}-tip" role="status" hidden><canvas></canvas><span></span></div></div></div></div>`;
}

/** The held-out image of a class. */
function imageOf({ heldOut: { labels, images } }: Cloud, label: number): Markup | undefined {
  const index = labels?.indexOf(label) ?? -1;
  if (index < 0) return undefined;
  const size = images.shape[0] * images.shape[1] * images.shape[2];
  const one = { pixels: images.pixels.subarray(index * size, (index + 1) * size), shape: images.shape };
  return html`<img src="${pngUri(encodePng(tiles(one, 1)))}" alt="">`;
}

/** The data that the script needs: coordinates to four digits. */
export function cloudData(cloud: Cloud): CloudData {
  const rounded = (values: Float64Array) => Array.from(values, (value) => Number(value.toPrecision(4)));
  const { points, images, labels, heldOut, xLabel, yLabel, sameUnits, title } = cloud;
  return {
    label: title,
    points: rounded(points),
    images: images.every((image, i) => image === i) ? null : [...images],
    labels: labels && [...labels],
    heldOut: { points: rounded(heldOut.points), labels: heldOut.labels },
    xLabel,
    yLabel,
    sameUnits,
  };
}
