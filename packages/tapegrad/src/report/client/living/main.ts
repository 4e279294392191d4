import { Explore } from './explore.ts';
import { openModel } from './model.ts';
import { Pad } from './pad.ts';
import type { LivingData } from './types.ts';

/*
 * The part of a report that computes: its model, on the browser's GPU. Without a GPU all of this stays hidden, and only the
 * pictures are shown.
 */

const data: LivingData = JSON.parse(document.getElementById('living-data')!.textContent!);

async function start(): Promise<void> {
  const living = await openModel(data);
  const section = document.getElementById('section-living')!;
  for (const element of document.querySelectorAll<HTMLElement>('[data-living]')) element.hidden = false;
  const explore = new Explore(section, living, data);
  const pad = document.querySelector<HTMLElement>('.pad');
  if (pad) new Pad(pad, living, data, explore);
}

start().then(
  () => {
    document.documentElement.dataset.alive = 'true';
  },
  (error: unknown) => {
    document.documentElement.dataset.alive = 'false';
    for (const element of document.querySelectorAll<HTMLElement>('[data-living]')) element.hidden = true;
    // Readers can do nothing about this, but those who look for the reason find it.
    console.info(`The pictures stay pictures: ${error instanceof Error ? error.message : error}`);
  },
);
