import './locale.ts';

import { CloudChart } from './cloud.ts';
import { comeAlive } from './come-alive.ts';
import { curveChart } from './curves.ts';
import { contents, copyButtons } from './page.ts';
import { slider } from './slider.ts';
import type { PageData } from './types.ts';

/* The script of a report or comparison: it draws the page's data into their elements. */

const data: PageData = JSON.parse(document.getElementById('data')!.textContent!);
const element = (id: string) => document.getElementById(id)!;

for (const [id, curves] of Object.entries(data.curves)) curveChart(element(id), curves);
for (const [id, cloud] of Object.entries(data.clouds)) {
  new CloudChart(element(id), cloud, data.thumbnails, data.heldOut);
}
for (const [id, frames] of Object.entries(data.sliders)) slider(element(id), frames);
contents();
copyButtons();
document.documentElement.dataset.ready = 'true';

void comeAlive();
