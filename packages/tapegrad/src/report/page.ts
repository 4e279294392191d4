import { promisify } from 'node:util';
import { deflateRaw as deflateRawLater, type InputType, type ZlibOptions } from 'node:zlib';
import { type Color, classColors, darkClassColors } from '@tapegrad/plot';
import type { Section } from './blocks.ts';
import type { LivingData } from './client/living/types.ts';
import type { PageData } from './client/types.ts';
import { html, jsonFor, Markup } from './markup.ts';

export interface Page {
  readonly title: string;
  /** Below the title. */
  readonly summary: Markup;
  readonly sections: readonly Section[];
  readonly data: PageData;
  /** For a page that computes. */
  readonly living?: LivingData;
}

/**
 * A page in one file: styles, script, images and data are inside, and a policy forbids it to fetch anything. All text from
 * people or files is escaped.
 */
export async function renderPage({
  title,
  summary,
  sections,
  data,
  living: livingData,
}: Page): Promise<string> {
  const { script, styles, licence } = await pageAssets();
  const livingScript = livingData && (await livingAssets());
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${styles}</style>
</head>
<body>
<a class="skip" href="#main">to the content</a>
<header class="masthead"><h1>${title}</h1>${summary}</header>
<nav class="toc" aria-label="contents"><ol>${sections.map(({ id, title: name, isLiving }) => html`<li${isLiving ? hidden : ''}><a href="#${id}">${name}</a></li>`)}</ol></nav>
<main id="main">
${sections.map(({ id, title: name, body, isLiving }) => html`<section id="${id}"${isLiving ? hidden : ''} aria-labelledby="${id}-title"><h2 id="${id}-title">${name}</h2>${body}</section>\n`)}</main>
<noscript><p class="note">The planes of points and the sliders need JavaScript.</p></noscript>
<footer>Written by Tapegrad. Charts by Vega and uPlot; uPlot’s licence is in the source of this page.</footer>
${livingData && html`<script type="application/json" id="living-data">${jsonFor(livingData)}</script>\n<script type="text/plain" id="living-script">${livingScript}</script>\n`}<script type="application/json" id="data">${jsonFor(data)}</script>
<script>
/* uPlot: ${licence} */
${script}</script>
</body>
</html>
`;
  return page.text;
}

const deflateRaw = promisify<InputType, ZlibOptions, Buffer>(deflateRawLater);

/** What the interactive part shows once it runs. */
const hidden = html` data-living hidden`;

interface Assets {
  readonly script: Markup;
  readonly styles: Markup;
  readonly licence: Markup;
}

let page: Promise<Assets> | undefined;
let living: Promise<Markup> | undefined;

/**
 * Begins to assemble what every page contains. In the checkout this takes another process a second, so call it some time
 * before a page is rendered.
 */
export function assembleAhead(): void {
  // The error is reported to those who need the result.
  pageAssets().catch(() => {});
  livingAssets().catch(() => {});
}

/** Assembled once per process. */
const pageAssets = (): Promise<Assets> => (page ??= assembled());

async function assembled(): Promise<Assets> {
  // Half a megabyte of text, which only commands that write a page load.
  const { script, styles, licence } = await (await import('./assets.ts')).pageAssets();
  // A script ends at the first `</script`, wherever that is.
  const inside = (text: string) => new Markup(text.replaceAll('</script', '<\\/script'));
  const palette = (colors: readonly Color[]) => colors.map((color, i) => `--class-${i}: ${color};`);
  return {
    script: inside(script),
    styles: new Markup(
      `:root { ${palette(classColors).join(' ')} }\n` +
        `@media (prefers-color-scheme: dark) { :root { ${palette(darkClassColors).join(' ')} } }\n` +
        styles,
    ),
    licence: new Markup(licence),
  };
}

/** A quarter of a megabyte that many readers do not need: it is inflated only if there is a GPU. */
const livingAssets = (): Promise<Markup> => (living ??= packedLivingScript());

async function packedLivingScript(): Promise<Markup> {
  const script = await (await import('./assets.ts')).livingScript();
  return new Markup((await deflateRaw(script, { level: 9 })).toString('base64'));
}
